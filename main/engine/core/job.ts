// Writes the farm job of a scene: JobInfo and PluginInfo in Deadline's own keys, paths as the farm sees them.

import type { Closure } from './closure.ts';
import type { FarmPath, SubmitId } from './names.ts';
import type { Region } from './regions.ts';

export const SUBMIT_ID_KEY = 'WAYBILL_SUBMIT_ID';

/** A command-line renderer of the studio, used when the farm has no plug-in for the DCC. */
export interface FallbackRenderer {
  readonly executable: string;
  readonly script: string;
}

export interface JobPlan {
  readonly name: string;
  readonly frames: string;
  readonly user: string;
  readonly machine: string;
  readonly submitId: SubmitId;
  readonly region: Region;
  readonly scene: FarmPath;
  readonly outputDir: FarmPath;
  /** With '#' padding. */
  readonly outputPattern: string;
  /** Farm paths of the closure besides the scene, for a renderer that must be told. */
  readonly inputs: readonly FarmPath[];
  readonly dcc: Closure['dcc'];
}

export interface JobText {
  readonly jobInfo: Record<string, string>;
  readonly pluginInfo: Record<string, string>;
}

export type JobOutcome =
  | { readonly kind: 'job'; readonly job: JobText; readonly renderer: string }
  | { readonly kind: 'no-renderer'; readonly why: string };

export function planJob(
  plan: JobPlan,
  farm: { readonly plugins: readonly string[]; readonly fallback: FallbackRenderer | null },
): JobOutcome {
  if (farm.plugins.includes('Blender')) {
    return {
      kind: 'job',
      renderer: 'Blender',
      job: { jobInfo: jobInfoOf(plan, 'Blender'), pluginInfo: blenderInfo(plan) },
    };
  }
  if (farm.fallback && farm.plugins.includes('CommandLine')) {
    return {
      kind: 'job',
      renderer: 'preview',
      job: {
        jobInfo: jobInfoOf(plan, 'CommandLine'),
        pluginInfo: previewInfo(plan, farm.fallback),
      },
    };
  }
  return {
    kind: 'no-renderer',
    why: 'The farm has no Blender plug-in. Ask a wrangler to install it, then try again.',
  };
}

function jobInfoOf(plan: JobPlan, plugin: string): Record<string, string> {
  return {
    Plugin: plugin,
    Name: plan.name,
    BatchName: plan.name,
    Comment: `Sent by Waybill to ${plan.region.name}`,
    UserName: plan.user,
    MachineName: plan.machine,
    Frames: plan.frames,
    ChunkSize: '1',
    Priority: '50',
    Group: plan.region.groups[0] ?? 'none',
    InitialStatus: 'Suspended',
    OnJobComplete: 'Nothing',
    TaskTimeoutMinutes: '240',
    OutputDirectory0: plan.outputDir,
    OutputFilename0: plan.outputPattern,
    ExtraInfoKeyValue0: `${SUBMIT_ID_KEY}=${plan.submitId}`,
    ExtraInfoKeyValue1: `WAYBILL_REGION=${plan.region.id}`,
    // We make and verify the output folder ourselves, so the studio's folder plug-in need not act.
    ExtraInfoKeyValue2: 'HS_PLUGIN_GENERATED=True',
  };
}

function blenderInfo(plan: JobPlan): Record<string, string> {
  return {
    SceneFile: plan.scene,
    OutputFile: `${plan.outputDir}/${plan.outputPattern}`,
    Threads: '0',
    Build: 'None',
    Version: plan.dcc.version.split('.').slice(0, 2).join('.'),
  };
}

function previewInfo(plan: JobPlan, fallback: FallbackRenderer): Record<string, string> {
  const quoted = (text: string): string => `<QUOTE>${text}<QUOTE>`;
  const inputs = plan.inputs.map((path) => `--input ${quoted(path)}`).join(' ');
  return {
    Executable: fallback.executable,
    Arguments:
      `${quoted(fallback.script)} --scene ${quoted(plan.scene)} ${inputs} ` +
      `--output ${quoted(`${plan.outputDir}/${plan.outputPattern}`)} --frame <STARTFRAME>`,
    SingleFramesOnly: 'true',
  };
}
