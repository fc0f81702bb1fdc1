/** A command was refused: the text is part of its output. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** The scenario itself is wrong, or asks for what is not there. */
export class ScenarioError extends Error {
  override readonly name = "ScenarioError";
}
