"""llama.cpp through the low-level API of llama-cpp-python. Every row is a sequence of one context; a context has one set of
adapters for all its rows. Requires "gguf": the folder with base-PRECISION.gguf, adapter.gguf and check.gguf."""
import ctypes
import os
import time

from protocol import Unsupported, lockstep, serve

PROMPT_TOKENS_PER_BATCH = 2048
CONTEXT_STEP = 256   # the context of a row is a multiple of it


class LlamaCpp:

    def open(self, model, adapters, check, threads, gguf, precision):
        import llama_cpp
        import numpy
        self.api, self.numpy, self.threads = llama_cpp, numpy, threads
        self.quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(self.quiet, None)
        llama_cpp.llama_backend_init()
        path = os.path.join(gguf, f"base-{precision}.gguf")
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), llama_cpp.llama_model_default_params())
        if not self.model:
            raise RuntimeError(f"{path} did not load")
        self.vocabulary = llama_cpp.llama_model_get_vocab(self.model)
        self.size = llama_cpp.llama_vocab_n_tokens(self.vocabulary)
        self.adapter = self.lora(os.path.join(gguf, "adapter.gguf")) if adapters else None
        self.check = self.lora(os.path.join(gguf, "check.gguf")) if check else None
        self.contexts = {}
        return {"versions": {"llama-cpp-python": llama_cpp.__version__, "kernels": self.kernels(llama_cpp)}, "precision": precision}

    @staticmethod
    def kernels(llama_cpp):
        """The instruction sets that the library was compiled for, such as AMX_INT8."""
        pairs = (part.split(" = ") for part in llama_cpp.llama_print_system_info().decode().split(" | "))
        return " ".join(pair[0].split()[-1] for pair in pairs if len(pair) == 2 and pair[1].strip() == "1" and "X" in pair[0])

    def greedy(self, prompt, tokens, adapter=None):
        text = prompt.encode()
        buffer = (self.api.llama_token * (len(text) + 8))()
        count = self.api.llama_tokenize(self.vocabulary, text, len(text), buffer, len(buffer), False, False)
        context = self.context(1, count + tokens, self.check if adapter else None)
        found = [step[0] for step in self.run(context, [list(buffer[:count])], tokens)]
        return {"prompt": list(buffer[:count]), "tokens": found}

    def measure(self, prompts, adapters, new_tokens, layers=None):
        if len(set(adapters)) > 1:
            raise Unsupported("one adapter for all rows of a context")
        context = self.context(len(prompts), len(prompts[0]) + new_tokens, None if adapters[0] is None else self.adapter)
        start = time.perf_counter()
        steps = self.run(context, prompts, new_tokens)
        next(steps)
        first = time.perf_counter() - start
        for _ in steps:
            pass
        return lockstep(len(prompts), first, time.perf_counter() - start, new_tokens)

    def lora(self, path):
        adapter = self.api.llama_adapter_lora_init(self.model, path.encode())
        if not adapter:
            raise RuntimeError(f"{path} did not load")
        return adapter

    def context(self, rows, length, adapter):
        """A context for exactly this many rows, of at least this length, with this adapter only. It is kept for the next run."""
        key = rows, -(-length // CONTEXT_STEP) * CONTEXT_STEP
        if key not in self.contexts:
            params = self.api.llama_context_default_params()
            params.n_ctx, params.n_seq_max = key[1] * rows, rows
            params.n_batch, params.n_ubatch = PROMPT_TOKENS_PER_BATCH, 512
            params.n_threads = params.n_threads_batch = self.threads
            self.contexts[key] = self.api.llama_init_from_model(self.model, params)
            if not self.contexts[key]:
                raise RuntimeError(f"no context for {rows} rows of {key[1]} tokens")
        context = self.contexts[key]
        adapters = [adapter] if adapter else []
        pointers = (self.api.llama_adapter_lora_p_ctypes * len(adapters))(*adapters)
        code = self.api.llama_set_adapters_lora(context, pointers, len(adapters), (ctypes.c_float * len(adapters))(*[1.0] * len(adapters)))
        if code != 0:
            raise RuntimeError(f"llama_set_adapters_lora returned {code}")
        self.api.llama_memory_clear(self.api.llama_get_memory(context), False)
        return context

    def run(self, context, prompts, new_tokens):
        """Yields the tokens of each step, one per row."""
        rows = len(prompts)
        batch = self.api.llama_batch_init(PROMPT_TOKENS_PER_BATCH, 0, 1)
        try:
            tokens = [0] * rows
            places = []  # (row, position, token, whether a token is chosen), split into batches
            for row, prompt in enumerate(prompts):
                places += [(row, position, token, position == len(prompt) - 1) for position, token in enumerate(prompt)]
            for begin in range(0, len(places), PROMPT_TOKENS_PER_BATCH):
                self.decode(context, batch, places[begin:begin + PROMPT_TOKENS_PER_BATCH], tokens)
            yield tokens
            for step in range(new_tokens - 1):
                self.decode(context, batch, [(row, len(prompts[row]) + step, tokens[row], True) for row in range(rows)], tokens)
                yield tokens
        finally:
            self.api.llama_batch_free(batch)

    def decode(self, context, batch, places, tokens):
        batch.n_tokens = len(places)
        for i, (row, position, token, chooses) in enumerate(places):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, position, 1, chooses
            batch.seq_id[i][0] = row
        code = self.api.llama_decode(context, batch)
        if code != 0:
            raise RuntimeError(f"llama_decode returned {code}")
        chosen = [row for row, _, _, chooses in places if chooses]
        if chosen:
            logits = self.numpy.ctypeslib.as_array(self.api.llama_get_logits(context), (len(chosen), self.size))
            for row, token in zip(chosen, logits.argmax(-1)):
                tokens[row] = int(token)


serve(LlamaCpp())
