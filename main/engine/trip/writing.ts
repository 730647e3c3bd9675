// Writes a new waybill from a closure: everything that is refused is refused here, before anything is kept.

import { createHash } from 'node:crypto';
import type { SendScene } from '../api.ts';
import { AgentError } from '../base/errors.ts';
import type { EngineContext } from '../context.ts';
import { closureTotals, type Closure } from '../core/closure.ts';
import { frameText, parseFrames } from '../core/frames.ts';
import type {
  LocalPath,
  NamespacePath,
  ProjectId,
  SceneId,
  SubmitId,
  WaybillId,
} from '../core/names.ts';
import { baseNameOf, localPathOf, namespacePathOf, relativeInside } from '../core/paths.ts';
import type { Region } from '../core/regions.ts';
import type { ProjectRow } from '../services/ledger.ts';
import type { Waybill, WaybillFile } from '../services/waybill.ts';

/** Everything that is refused is refused here, before anything is written. */
export function writeWaybill(
  context: EngineContext,
  request: { arg: SendScene; project: ProjectRow; closure: Closure; region: Region },
): Waybill {
  const { arg, project, closure, region } = request;
  const [firstMissing] = closure.missing;
  if (firstMissing && !arg.allowMissing) {
    const more = closure.missing.length > 1 ? ` and ${closure.missing.length - 1} more` : '';
    throw new AgentError('closure-incomplete', {
      message: `${baseNameOf(closure.scene)} needs ${firstMissing.raw}${more}, which was not found in the project. Add it, or send although files are missing.`,
      retry: 'never',
      facts: { missing: closure.missing.length, path: firstMissing.path },
    });
  }
  const files = closure.files.filter((file) => file.exists).map((file) => fileIn(project, file));
  const frames = arg.frames ?? (closure.frames ? frameText(closure.frames) : '1');
  const parsed = parseFrames(frames);
  if (parsed.kind === 'unreadable')
    throw new AgentError('bad-argument', { message: parsed.why, retry: 'never' });
  const relativeScene = relativeInside(project.dir, closure.scene) ?? '';
  return {
    id: (arg.requestId ?? crypto.randomUUID()) as WaybillId,
    projectId: project.id as ProjectId,
    sceneId: createHash('sha256')
      .update(`${project.id}\n${relativeScene}`)
      .digest('hex')
      .slice(0, 24) as SceneId,
    sceneName: baseNameOf(closure.scene),
    scenePath: closure.scene,
    regionId: region.id,
    submit: arg.submit,
    who: context.identity.user,
    createdAt: context.ports.clock.now(),
    cancelled: false,
    step: 'queued',
    files,
    bytes: closureTotals(closure).bytes,
    dcc: closure.dcc,
    frames,
    framesTotal: arg.submit ? parsed.frames.length : 0,
    output: outputOf(project, closure),
    submitId: crypto.randomUUID() as SubmitId,
    jobId: null,
    renderer: null,
    holdUntil: null,
    outputsBefore: null,
    framesHome: [],
    marked: [],
    timeline: [{ step: 'queued', at: context.ports.clock.now(), proof: 'written to the ledger' }],
  };
}

function fileIn(project: ProjectRow, file: Closure['files'][number]): WaybillFile {
  const relative = relativeInside(project.dir, file.path);
  if (relative !== null) {
    const path = namespacePathOf(project.namespacePath as NamespacePath, relative);
    return { localPath: file.path, path, size: file.size, sha256: null, homeModified: null };
  }
  throw new AgentError('outside-project', {
    message: `${file.path} lies outside the project ${project.name}, where no worker can see it. Move it into ${project.dir}.`,
    retry: 'never',
    facts: { path: file.path },
  });
}

/** The scene's own output folder when workers may see it; else `renders/<scene>` of the project. */
function outputOf(project: ProjectRow, closure: Closure): Waybill['output'] {
  const stem = baseNameOf(closure.scene).replace(/\.[^.]*$/, '');
  const [output] = closure.outputs;
  const relative = output ? relativeInside(project.dir, output.dir) : null;
  const folder = relative === null || relative === '' ? `renders/${stem}` : relative;
  return {
    dir: namespacePathOf(project.namespacePath as NamespacePath, folder),
    localDir: localPathOf(project.dir as LocalPath, folder),
    pattern:
      output && relative !== null && relative !== '' && output.pattern !== ''
        ? output.pattern
        : `${stem}.####`,
  };
}

export function unknownRegion(wanted: string, regions: readonly Region[]): AgentError {
  return new AgentError('unknown-region', {
    message: `The studio has no region "${wanted}". It has ${regions.map((region) => region.id).join(', ')}.`,
    retry: 'never',
  });
}

export function unknownWaybill(id: string): AgentError {
  return new AgentError('unknown-waybill', {
    message: `There is no waybill ${id}.`,
    retry: 'never',
  });
}

/** One at a time: frames of two regions under one name would be twins. */
export function outputTaken(waybill: Waybill, rival: Waybill): AgentError {
  return new AgentError('output-taken', {
    message: `${rival.sceneName} on its way to ${rival.regionId} writes the same frames as ${waybill.sceneName} would (${waybill.output.dir}). Wait for it or cancel it, then send again.`,
    retry: 'never',
    facts: { path: waybill.output.dir },
  });
}
