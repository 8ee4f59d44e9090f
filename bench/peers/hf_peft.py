"""transformers + PEFT. Rows of several adapters run in one batch with PEFT's adapter_names."""
import time

from protocol import lockstep, serve


class TransformersPeft:

    def open(self, model, adapters, check, threads, precision):
        import peft
        import torch
        import transformers
        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.torch = torch
        dtype = {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(model)
        # The base model alone is a second copy, because PEFT's wrappers take time even if no adapter is active.
        self.base = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=dtype).eval()
        self.names = [f"adapter-{i}" for i in range(len(adapters))]
        folders = dict(zip(self.names, adapters))
        if check:
            folders["check"] = check
        self.tuned = None
        for name, folder in folders.items():
            # adapters stay in single precision, which is PEFT's default and faster here than bf16
            options = {"adapter_name": name, "low_cpu_mem_usage": True}
            if self.tuned is None:
                plain = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=dtype)
                self.tuned = peft.PeftModel.from_pretrained(plain, folder, **options)
            else:
                self.tuned.load_adapter(folder, **options)
        if self.tuned is not None:
            self.tuned.eval()
        return {"versions": {"transformers": transformers.__version__, "peft": peft.__version__, "torch": torch.__version__},
                "precision": precision}

    def greedy(self, prompt, tokens, adapter=None):
        ids = self.tokenizer(prompt)["input_ids"]
        model, options = self.use(["check" if adapter else None])
        found, cache = [], None
        step = self.torch.tensor([ids])
        while len(found) < tokens:
            step, cache = self.forward(model, step, cache, options)
            found.append(step.item())
        return {"prompt": ids, "tokens": found}

    def measure(self, prompts, adapters, new_tokens, layers=None):
        model, options = self.use([None if index is None else self.names[index] for index in adapters])
        step, cache = self.torch.tensor(prompts), None
        start = time.perf_counter()
        step, cache = self.forward(model, step, cache, options)
        first = time.perf_counter() - start
        for _ in range(new_tokens - 1):
            step, cache = self.forward(model, step, cache, options)
            step.tolist()
        return lockstep(len(prompts), first, time.perf_counter() - start, new_tokens)

    def forward(self, model, step, cache, options):
        output = model(input_ids=step, cache=cache, use_cache=True, logits_to_keep=1, **options)
        return output.logits[:, -1].argmax(-1, keepdim=True), output.past_key_values

    def use(self, names):
        """The fastest way to run these adapters: the plain model, one active adapter, or a name per row."""
        if set(names) == {None}:
            return self.base, {}
        if len(set(names)) == 1:
            self.tuned.set_adapter(names[0])
            return self.tuned, {}
        return self.tuned, {"adapter_names": names}


serve(TransformersPeft())
