"""vLLM's CPU build. Use --lora for adapters, and no option for the base model alone: a vLLM engine with LoRA enabled is
slower even if no adapter is used, so the base model has its own engine."""
import os
import sys
import time

from protocol import serve

LORA = "--lora" in sys.argv
# Engine and scheduler run in this process, without messages between processes.
os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

PROMPT_TOKENS_PER_STEP = 8192
RANK = 16
TYPES = {"bf16": "bfloat16", "fp32": "float32"}


class Vllm:

    def open(self, model, adapters, check, threads, precision):
        os.environ["OMP_NUM_THREADS"] = str(threads)
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", f"0-{threads - 1}" if threads > 1 else "0")
        import torch
        import vllm
        from vllm import LLM
        from vllm.lora.request import LoRARequest
        options = {"enable_lora": True, "max_loras": max(1, len(adapters)), "max_cpu_loras": len(adapters) + 1,
                   "max_lora_rank": RANK} if LORA else {}
        self.llm = LLM(model=model, dtype=TYPES[precision], max_model_len=2048, max_num_seqs=32, seed=0,
                       max_num_batched_tokens=PROMPT_TOKENS_PER_STEP, enable_prefix_caching=False, **options)
        self.engine = self.llm.llm_engine
        self.adapters = [LoRARequest(f"adapter-{i}", i + 1, folder) for i, folder in enumerate(adapters)] if LORA else []
        self.check = LoRARequest("check", len(adapters) + 1, check) if LORA and check else None
        self.asked = 0
        return {"versions": {"vllm-cpu": vllm.__version__, "torch": torch.__version__}, "precision": precision}

    def greedy(self, prompt, tokens, adapter=None):
        from vllm import SamplingParams
        output, = self.llm.generate([prompt], SamplingParams(temperature=0, max_tokens=tokens), use_tqdm=False,
                                    lora_request=self.check if adapter else None)
        return {"prompt": list(output.prompt_token_ids), "tokens": list(output.outputs[0].token_ids)}

    def measure(self, prompts, adapters, new_tokens, layers=None):
        from vllm import SamplingParams
        from vllm.inputs import TokensPrompt
        sampling = SamplingParams(temperature=0, max_tokens=new_tokens, ignore_eos=True, detokenize=False)
        rows = {}
        for prompt, adapter in zip(prompts, adapters):
            self.asked += 1
            name = str(self.asked)
            rows[name] = {"first": 0.0, "last": 0.0, "tokens": 0}
            self.engine.add_request(name, TokensPrompt(prompt_token_ids=prompt), sampling,
                                    lora_request=None if adapter is None else self.adapters[adapter])
        start = time.perf_counter()
        while self.engine.has_unfinished_requests():
            outputs = self.engine.step()
            now = time.perf_counter() - start
            for output in outputs:
                row = rows[output.request_id.split("-")[0]]
                row["first"] = row["first"] or now
                row["last"] = now
                row["tokens"] = len(output.outputs[0].token_ids)
        return {"rows": list(rows.values())}


serve(Vllm())
