// What the shell needs of an engine, be it the shell's own child or an agent that somebody else runs.

import type { MessagePortMain } from 'electron';

/** Disposing ends an engine of the shell's own and leaves any other one running. */
export interface EngineHost extends AsyncDisposable {
  /** Hands one end of a channel to the engine; the other end closes when the engine is, or goes, away. */
  connect(port: MessagePortMain): void;
  /** One sentence on why there is no engine now. */
  whyDown(): string;
}
