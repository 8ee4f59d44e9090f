package io.tidemark.torch;

import java.util.List;

/** A method of a script that Java calls. Arguments are passed in the order of the parameters. */
public interface ScriptMethod {

    /** The name of the method in the script. */
    String method();

    /** The names of the parameters in the script, in order and without {@code self}. */
    List<String> parameters();
}
