/**
 * A Jinja2 engine with the subset that chat templates use. Values behave as in Python, so that a template renders to
 * the same text as in transformers or fails with a {@link io.tidemark.jinja.JinjaException}. Depends on no other
 * package. Start with {@link io.tidemark.jinja.JinjaTemplate}: a lexer and two parsers build a tree of
 * {@link io.tidemark.jinja.Statement} and {@link io.tidemark.jinja.Expression}, which evaluates itself.
 */
package io.tidemark.jinja;
