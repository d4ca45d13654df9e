"""The check `deny-pattern`: rules over every piece of text in a message."""
