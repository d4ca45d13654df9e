"""deny-pattern for people who write policies: asked by a process, answered in lines of JSON.

    python -m functions.deny_pattern.tools TASK      a request on standard input, lines on output

    ask       a message a line → its verdict a line, as the function would give it
    test      every example of every rule
    lint      what loads, and is still likely to be a mistake
    explain   which rules are in force and where they come from, or why a text is found or not
    convert   patterns of another guard → rules with examples

A line `{"error": …}` and exit status 3 say that the request cannot be done. No line holds a piece
of a message; examples are the policy's own text.
"""
