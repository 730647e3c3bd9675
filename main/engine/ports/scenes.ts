// Reads a scene's closure from its bytes, without the DCC.

import type { Closure } from '../core/closure.ts';
import type { LocalPath } from '../core/names.ts';

export interface SceneReader {
  /** True when a file of this name may be a scene we can read. */
  isScene(name: string): boolean;
  /** Errors: AgentError 'file-missing', 'file-unreadable', 'not-a-scene' (truncated, damaged or foreign). */
  read(path: LocalPath, options?: { signal?: AbortSignal }): Promise<Closure>;
}
