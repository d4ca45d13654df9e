"""The check `llm-guard`: a private LLM judges what no pattern can know."""
