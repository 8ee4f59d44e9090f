/**
 * Jinja2 as chat templates use it: a template is parsed once and rendered with plain JSON values, and every value behaves
 * as Python's would, so that a template either gives what transformers gives or fails by name. Knows nothing of models or
 * messages. Start with {@link io.tidemark.jinja.JinjaTemplate}.
 */
package io.tidemark.jinja;
