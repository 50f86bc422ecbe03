.PHONY: demo test check docs

demo:  ## the demo environment on this machine, from nothing
	@scripts/demo

test:  ## everything that CI checks
	@scripts/test

check:  ## lint, format, types, layers, generated documents
	@scripts/check

docs:  ## write the generated documents again
	@scripts/setup
	@.venv/bin/python scripts/generate_docs.py
