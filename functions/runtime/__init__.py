"""What every function needs around its check: settings, the edge, logs, serving.

serving ──▶ server ──▶ connection ──▶ edge ──▶ check
"""
