// Runs `waybill demo --json` as a person does and collects its events.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface DemoEvent {
  readonly event: string;
  readonly ms: number;
  readonly files?: number | null;
  readonly bytes?: number | null;
  readonly proof?: string;
  readonly sentence?: string;
}

export interface DemoSummary extends DemoEvent {
  readonly event: 'summary';
  readonly ok: boolean;
  readonly job: string;
  readonly restarts: number;
  readonly closure: { readonly files: number; readonly bytes: number };
  readonly frames: { readonly dir: string; readonly names: readonly string[] };
  readonly checks: readonly {
    readonly what: string;
    readonly holds: boolean;
    readonly figure: string;
  }[];
}

export interface DemoRun {
  readonly events: readonly DemoEvent[];
  readonly summary: DemoSummary | null;
  readonly code: number | null;
  readonly complaints: string;
}

export interface DemoRunOptions {
  readonly args?: readonly string[];
  readonly sampleDir?: string;
  /** Called with each event as it comes. */
  onEvent?(event: DemoEvent): void;
}

const CLI = join(import.meta.dirname, '../../main/cli.ts');

export function runDemo(options: DemoRunOptions = {}): Promise<DemoRun> {
  const events: DemoEvent[] = [];
  let said = '';
  let complaints = '';
  const child = spawn(process.execPath, [CLI, 'demo', '--json', ...(options.args ?? [])], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stderr.on('data', (part: Buffer) => (complaints += part.toString()));
  child.stdout.on('data', (part: Buffer) => {
    said += part.toString();
    const lines = said.split('\n');
    said = lines.pop() ?? '';
    for (const line of lines) {
      const event = JSON.parse(line) as DemoEvent;
      events.push(event);
      options.onEvent?.(event);
    }
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      const last = events.at(-1);
      const summary = last?.event === 'summary' ? (last as DemoSummary) : null;
      resolve({ events, summary, code, complaints });
    });
  });
}

/** Process id of the agent that works in a demo's folder; null while none does. */
export function agentPidIn(demoDir: string): number | null {
  const path = join(demoDir, 'state', 'agent.json');
  if (!existsSync(path)) return null;
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { pid: number }).pid;
  } catch {
    // Gone between the look and the read.
    return null;
  }
}
