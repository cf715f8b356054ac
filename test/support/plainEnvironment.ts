/** This process's environment without what makes programs print colours, or none, wherever Jest's output goes. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const { FORCE_COLOR: _force, NO_COLOR: _none, ...rest } = process.env;
  return rest;
}
