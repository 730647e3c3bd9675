// What a scene needs to render, as read from its bytes: the words every reader, service and screen share.

export type FileKind =
  | 'scene'
  | 'library'
  | 'image'
  | 'udim'
  | 'sequence'
  | 'movie'
  | 'sound'
  | 'font'
  | 'cache'
  | 'volume'
  | 'text'
  | 'other';

/** One file of a closure. Paths are absolute on the machine that read the scene. */
export interface ClosureFile {
  readonly path: string;
  readonly kind: FileKind;
  readonly exists: boolean;
  /** Bytes; 0 when the file does not exist. */
  readonly size: number;
  /** The file that asked for this one (absolute); the scene itself is asked for by nobody. */
  readonly via: string | null;
}

/** A reference that leads to no file on disk. */
export interface MissingReference {
  readonly path: string;
  /** The reference exactly as the file holds it, e.g. '//tex/wood.<UDIM>.png'. */
  readonly raw: string;
  readonly kind: FileKind;
  readonly via: string;
}

export interface FrameRange {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  readonly fps: number | null;
}

export interface SceneOutput {
  /** Absolute directory the renderer writes to. */
  readonly dir: string;
  /** File name pattern with '#' padding, e.g. 'sh010.####.png'. */
  readonly pattern: string;
  readonly raw: string;
}

export interface Closure {
  /** Absolute path of the scene. */
  readonly scene: string;
  readonly format: 'blend';
  readonly dcc: { readonly name: string; readonly version: string };
  readonly frames: FrameRange | null;
  readonly engine: string | null;
  readonly cameras: readonly string[];
  readonly outputs: readonly SceneOutput[];
  readonly files: readonly ClosureFile[];
  readonly missing: readonly MissingReference[];
  /** Sentences for a person: what could not be resolved and why. */
  readonly warnings: readonly string[];
}

/** Bytes and files of a closure that exist on disk. */
export function closureTotals(closure: Closure): { files: number; bytes: number } {
  let files = 0;
  let bytes = 0;
  for (const file of closure.files) {
    if (!file.exists) continue;
    files += 1;
    bytes += file.size;
  }
  return { files, bytes };
}
