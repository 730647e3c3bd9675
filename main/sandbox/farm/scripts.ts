// Runs the Python of a studio for the pending-job scan: script dependencies with `__main__(jobId, taskIds)` (§4.3).

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { z } from 'zod';
import type { ScriptAnswer } from './dependencies.ts';

export interface ScriptRequest {
  /** A path of this machine. */
  readonly path: string;
  readonly jobId: string;
  /** Null for a job that is not frame dependent, whose script is asked about the whole job. */
  readonly taskIds: readonly number[] | null;
}

const Answer = z.union([z.boolean(), z.array(z.number().int())]);
const TIMEOUT_MS = 10_000;
const LATE = `it took over ${TIMEOUT_MS / 1000} s`;
const MAX_ANSWER_CHARS = 100_000;

/** Loads the script as a module of its own name, so that its own `if __name__ == …` part stays quiet. */
const DRIVER = `
import importlib.util, json, sys
path, job, tasks, mark = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4]
spec = importlib.util.spec_from_file_location('dependency', path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
main = module.__main__
said = main(job) if tasks is None and main.__code__.co_argcount < 2 else main(job, tasks)
answer = bool(said) if said is None or isinstance(said, (bool, int)) else [int(task) for task in said]
print('\\n' + mark + json.dumps(answer))
`;

/** False where there is no Python, the script fails or takes too long: the job waits for the next scan. */
export function runScript(
  python: string | null,
  scratchDir: string,
  request: ScriptRequest,
): Promise<{ readonly answer: ScriptAnswer; readonly problem: string | null }> {
  if (python === null)
    return Promise.resolve({ answer: false, problem: 'this machine has no Python' });
  mkdirSync(scratchDir, { recursive: true });
  return new Promise((resolve) => {
    // What the script prints itself is not taken for its answer.
    const mark = `${randomUUID()} `;
    let out = '';
    let complaint = '';
    const child = spawn(
      python,
      [
        '-I',
        '-B',
        '-c',
        DRIVER,
        request.path,
        request.jobId,
        JSON.stringify(request.taskIds),
        mark,
      ],
      {
        cwd: scratchDir,
        env: { PATH: process.env['PATH'], HOME: scratchDir, LANG: 'C.UTF-8' },
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: TIMEOUT_MS,
        killSignal: 'SIGKILL',
      },
    );
    child.stdout.on('data', (data: Buffer) => {
      out = (out + data.toString('utf8')).slice(-MAX_ANSWER_CHARS);
    });
    child.stderr.on('data', (data: Buffer) => {
      complaint = (complaint + data.toString('utf8')).slice(-2_000);
    });
    child.once('error', (error) => resolve({ answer: false, problem: error.message }));
    child.once('close', (code, signal) => {
      const at = out.lastIndexOf(mark);
      const said = Answer.safeParse(at < 0 ? undefined : jsonOf(out.slice(at + mark.length)));
      if (code === 0 && said.success) return resolve({ answer: said.data, problem: null });
      const why = complaint.trim().split('\n').at(-1);
      const problem = signal === null ? why || `it ended with code ${code}` : LATE;
      resolve({ answer: false, problem });
    });
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
