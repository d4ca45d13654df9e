"""What every function needs around its check: settings, the edge, logs, serving.

serving ──▶ functions-framework's ASGI app ──▶ edge ──▶ check
"""
