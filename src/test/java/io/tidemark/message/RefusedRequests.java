package io.tidemark.message;

/** Invalid request fields with the code and param of their errors. The parser and the schema must both reject them. */
final class RefusedRequests {

    /** Fields to add to a request with an id, a model and a prompt. */
    static final String WRONG_FIELDS = """
            "max_tokens": "12"              | invalid_type       | max_tokens
            "max_tokens": 1.5               | invalid_type       | max_tokens
            "max_tokens": true              | invalid_type       | max_tokens
            "max_tokens": 0                 | out_of_range       | max_tokens
            "max_tokens": -1                | out_of_range       | max_tokens
            "max_tokens": 1e99              | out_of_range       | max_tokens
            "max_tokens": 1e999             | out_of_range       | max_tokens
            "max_tokens": 123456789012345678901 | out_of_range   | max_tokens
            "temperature": -0.1             | out_of_range       | temperature
            "temperature": "hot"            | invalid_type       | temperature
            "top_p": 0                      | out_of_range       | top_p
            "top_p": 1.01                   | out_of_range       | top_p
            "top_k": -1                     | out_of_range       | top_k
            "min_p": 1.5                    | out_of_range       | min_p
            "repetition_penalty": 0         | out_of_range       | repetition_penalty
            "seed": 1e300                   | out_of_range       | seed
            "n": 0                          | out_of_range       | n
            "n": 17                         | out_of_range       | n
            "logprobs": 21                  | out_of_range       | logprobs
            "logprobs": "true"              | invalid_type       | logprobs
            "logprobs": 1.5                 | invalid_type       | logprobs
            "top_logprobs": 3               | conflicting_fields | top_logprobs
            "logprobs": false, "top_logprobs": 3 | conflicting_fields | top_logprobs
            "logprobs": true, "top_logprobs": 21 | out_of_range | top_logprobs
            "logprobs": 3, "top_logprobs": 3 | invalid_type      | logprobs
            "presence_penalty": 2.1         | out_of_range       | presence_penalty
            "presence_penalty": "2"         | invalid_type       | presence_penalty
            "frequency_penalty": -2.1       | out_of_range       | frequency_penalty
            "logit_bias": [1]               | invalid_type       | logit_bias
            "logit_bias": {"the": 1}        | invalid_value      | logit_bias
            "logit_bias": {"-1": 1}         | invalid_value      | logit_bias
            "logit_bias": {"007": 1}        | invalid_value      | logit_bias
            "logit_bias": {"99999999999": 1} | invalid_value     | logit_bias
            "logit_bias": {"7": 101}        | out_of_range       | logit_bias.7
            "logit_bias": {"7": "1"}        | invalid_type       | logit_bias.7
            "logit_bias": {"7": null}       | missing_field      | logit_bias.7
            "min_tokens": -1                | out_of_range       | min_tokens
            "max_completion_tokens": 0      | out_of_range       | max_completion_tokens
            "ignore_eos": 1                 | invalid_type       | ignore_eos
            "stop_token_ids": 5             | invalid_type       | stop_token_ids
            "stop_token_ids": [5, "6"]      | invalid_type       | stop_token_ids[1]
            "stop_token_ids": [-5]          | out_of_range       | stop_token_ids[0]
            "best_of": 3                    | unsupported_field  | best_of
            "echo": true                    | unsupported_field  | echo
            "suffix": "end"                 | unsupported_field  | suffix
            "tool_choice": "required"       | unsupported_field  | tool_choice
            "tool_choice": "none"           | unsupported_field  | tool_choice
            "functions": [{}]               | unsupported_field  | functions
            "function_call": {"name": "f"}  | unsupported_field  | function_call
            "modalities": ["text", "audio"] | unsupported_field  | modalities
            "audio": {"voice": "x"}         | unsupported_field  | audio
            "reasoning_effort": "high"      | unsupported_field  | reasoning_effort
            "verbosity": "low"              | unsupported_field  | verbosity
            "web_search_options": {}        | unsupported_field  | web_search_options
            "guided_json": {"type": "object"} | unsupported_field | guided_json
            "guided_regex": "a"             | unsupported_field  | guided_regex
            "guided_choice": ["a"]          | unsupported_field  | guided_choice
            "guided_grammar": "start: "     | unsupported_field  | guided_grammar
            "response_format": "json_object" | invalid_type      | response_format
            "response_format": {}           | missing_field      | response_format.type
            "response_format": {"type": 3}  | invalid_type       | response_format.type
            "response_format": {"type": "structural_tag"} | unsupported_field | response_format.type
            "response_format": {"type": "json_object", "schema": {}} | unsupported_field | response_format.schema
            "response_format": {"type": "json_schema"} | missing_field | response_format.json_schema
            "response_format": {"type": "json_schema", "json_schema": "{}"} | invalid_type | response_format.json_schema
            "response_format": {"type": "json_schema", "json_schema": {"name": "n"}} | missing_field | response_format.json_schema.schema
            "response_format": {"type": "json_schema", "json_schema": {"schema": true}} | invalid_type | response_format.json_schema.schema
            "response_format": {"type": "json_schema", "json_schema": {"schema": "{}"}} | invalid_type | response_format.json_schema.schema
            "response_format": {"type": "json_schema", "json_schema": {"schema": {}, "strict": "true"}} | invalid_type | response_format.json_schema.strict
            "response_format": {"type": "json_schema", "json_schema": {"schema": {}, "name": 5}} | invalid_type | response_format.json_schema.name
            "structured_outputs": "a"       | invalid_type       | structured_outputs
            "structured_outputs": {}        | missing_field      | structured_outputs
            "structured_outputs": {"regex": null} | missing_field | structured_outputs
            "structured_outputs": {"regex": "a", "choice": ["a"]} | conflicting_fields | structured_outputs
            "structured_outputs": {"json": []} | invalid_type     | structured_outputs.json
            "structured_outputs": {"json": ""} | invalid_value    | structured_outputs.json
            "structured_outputs": {"regex": ""} | invalid_value   | structured_outputs.regex
            "structured_outputs": {"regex": 5} | invalid_type     | structured_outputs.regex
            "structured_outputs": {"choice": "a"} | invalid_type  | structured_outputs.choice
            "structured_outputs": {"choice": []} | invalid_value  | structured_outputs.choice
            "structured_outputs": {"choice": [""]} | invalid_value | structured_outputs.choice[0]
            "structured_outputs": {"choice": ["a", 1]} | invalid_type | structured_outputs.choice[1]
            "structured_outputs": {"grammar": ["a"]} | invalid_type | structured_outputs.grammar
            "structured_outputs": {"json_object": true} | unsupported_field | structured_outputs.json_object
            "structured_outputs": {"regex": "a", "whitespace_pattern": " "} | unsupported_field | structured_outputs.whitespace_pattern
            "structured_outputs": {"json": {}, "disable_any_whitespace": true} | unsupported_field | structured_outputs.disable_any_whitespace
            "structured_outputs": {"json": {}, "disable_additional_properties": true} | unsupported_field | structured_outputs.disable_additional_properties
            "structured_outputs": {"structural_tag": "{}"} | unsupported_field | structured_outputs.structural_tag
            "structured_outputs": {"regex": "a"}, "response_format": {"type": "json_object"} | conflicting_fields | structured_outputs
            "structured_outputs": {"regex": "a"}, "ignore_eos": true | conflicting_fields | ignore_eos
            "response_format": {"type": "json_object"}, "ignore_eos": true | conflicting_fields | ignore_eos
            "stop": [""]                    | invalid_value      | stop[0]
            "stop": ""                      | invalid_value      | stop
            "stop": ["a", 3]                | invalid_type       | stop[1]
            "stop": 3                       | invalid_type       | stop
            "stop": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17] | out_of_range | stop
            "stream": "true"                | invalid_type       | stream
            "stream": 1                     | invalid_type       | stream
            "user": 3                       | invalid_type       | user
            "priority": 3000000000          | out_of_range       | priority
            "deadline": "tomorrow"          | invalid_value      | deadline
            "deadline": "2026-12-01T12:00:00" | invalid_value    | deadline
            "deadline": "+999999999-12-31T23:59:59Z" | invalid_value | deadline
            "timeout_ms": 0                 | out_of_range       | timeout_ms
            "timeout_ms": "30s"             | invalid_type       | timeout_ms
            "deadline": 1764590400          | invalid_type       | deadline
            "boundary": -1                  | out_of_range       | boundary
            "boundary": "12"                | invalid_type       | boundary
            "messages": []                  | conflicting_fields | messages
            """;

    /** Fields to add to a request with an id only. */
    static final String WRONG_INPUTS = """
            "model": "m"                                           | missing_field | prompt
            "model": "m", "prompt": null                           | missing_field | prompt
            "prompt": "SECRET"                                     | missing_field | model
            "model": null, "prompt": "SECRET"                      | missing_field | model
            "model": 3, "prompt": "SECRET"                         | invalid_type  | model
            "model": "", "prompt": "SECRET"                        | invalid_value | model
            "model": "m", "prompt": ["SECRET"]                     | invalid_type  | prompt
            "model": "m", "prompt": ""                             | invalid_value | prompt
            "model": "m", "messages": "SECRET"                     | invalid_type  | messages
            "model": "m", "messages": []                           | invalid_value | messages
            "model": "m", "messages": ["SECRET"]                   | invalid_type  | messages[0]
            "model": "m", "messages": [{"content": "SECRET"}]      | missing_field | messages[0].role
            "model": "m", "messages": [{"role": "user"}]           | missing_field | messages[0].content
            "model": "m", "messages": [{"role": "robot", "content": "SECRET"}]  | invalid_value | messages[0].role
            "model": "m", "messages": [{"role": "user", "content": ["SECRET"]}] | invalid_type  | messages[0].content[0]
            "model": "m", "messages": [{"role": "user", "content": 5}] | invalid_type  | messages[0].content
            "model": "m", "messages": [{"role": "user", "content": [{"type": "image_url"}]}] | invalid_value | messages[0].content[0].type
            "model": "m", "messages": [{"role": "user", "content": [{"type": "text"}]}] | missing_field | messages[0].content[0].text
            "model": "m", "messages": [{"role": "assistant", "tool_calls": []}] | missing_field | messages[0].content
            "model": "m", "messages": [{"role": "user", "content": "SECRET", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}] | invalid_value | messages[0].tool_calls
            "model": "m", "messages": [{"role": "assistant", "tool_calls": {"function": "SECRET"}}] | invalid_type | messages[0].tool_calls
            "model": "m", "messages": [{"role": "assistant", "tool_calls": ["SECRET"]}] | invalid_type | messages[0].tool_calls[0]
            "model": "m", "messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}] | missing_field | messages[0].tool_calls[0].function
            "model": "m", "messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": 3}}]}] | invalid_type | messages[0].tool_calls[0].function.arguments
            "model": "m", "messages": [{"role": "tool", "content": "SECRET", "tool_call_id": 7}] | invalid_type | messages[0].tool_call_id
            "model": "m", "messages": [{"role": "user", "content": "SECRET"}], "tools": {"type": "function"} | invalid_type | tools
            "model": "m", "messages": [{"role": "user", "content": "SECRET"}], "tools": ["SECRET"] | invalid_type | tools[0]
            "model": "m", "prompt": "SECRET", "tools": [{"type": "function"}] | conflicting_fields | tools
            """;

    private RefusedRequests() {}
}
