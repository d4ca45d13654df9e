"""What can go wrong between s.yaml and running functions.

Exception
 ├─ DeploymentError    an s.yaml that cannot be deployed, or a function that does not come up
 └─ PackageError       a package that could not be made

The SDK's own exceptions pass through as they are: their code and message are the platform's.
"""


class DeploymentError(Exception):
    """What cannot be deployed; the message names the field, or the function and why it failed."""


class PackageError(Exception):
    """A package that could not be made; the message ends with what pip said."""
