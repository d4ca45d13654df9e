"""What every function needs around its check: settings, the edge, logs, serving.

serving ──▶ uvicorn ──▶ edge ──▶ check
"""
