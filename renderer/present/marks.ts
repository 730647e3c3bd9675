// The few shapes that every state in the window is told by; each has a word beside it wherever it stands.

/**
 * unknown: dotted ring · waiting: ring · moving: half-filled ring · good: ring with a tick · done: full disc with a tick
 * attention: triangle · error: square with a cross · paused: two bars · cancelled: ring with a bar
 */
export type Mark =
  | 'unknown'
  | 'waiting'
  | 'moving'
  | 'good'
  | 'done'
  | 'attention'
  | 'error'
  | 'paused'
  | 'cancelled';
