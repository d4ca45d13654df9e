"""What runs the functions here and ships them: emulator, deployment, local stack, CLI."""
