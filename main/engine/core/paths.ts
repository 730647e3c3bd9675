// Path rules between workstation, namespace, S3 key and farm. Pure text: nothing here touches a disk.

import type { FarmPath, LocalPath, NamespacePath } from './names.ts';

/** Path of `path` below `dir` with '/' separators, '' for the folder itself, null when it lies outside. */
export function relativeInside(dir: string, path: string): string | null {
  const root = toSlashes(dir);
  const full = toSlashes(path);
  if (full === root) return '';
  const prefix = root.endsWith('/') ? root : `${root}/`;
  if (!full.startsWith(prefix)) return null;
  const relative = full.slice(prefix.length);
  return relative.split('/').includes('..') ? null : relative;
}

export function namespacePathOf(folder: NamespacePath, relativePath: string): NamespacePath {
  return (relativePath === '' ? folder : `${folder}/${relativePath}`) as NamespacePath;
}

/** S3 key: the path below the share, without a leading slash. Null when the path is in another share. */
export function objectKeyOf(sharePath: string, path: NamespacePath): string | null {
  const relative = relativeInside(sharePath, path);
  return relative === null || relative === '' ? null : relative;
}

export function farmPathOf(farmRoot: string, path: NamespacePath): FarmPath {
  return `${farmRoot.replace(/\/+$/, '')}${path}` as FarmPath;
}

export function localPathOf(dir: LocalPath, relativePath: string): LocalPath {
  if (relativePath === '') return dir;
  const separator = dir.includes('\\') && !dir.includes('/') ? '\\' : '/';
  return `${dir}${separator}${relativePath.split('/').join(separator)}` as LocalPath;
}

export function parentOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at <= 0 ? '/' : path.slice(0, at);
}

export function baseNameOf(path: string): string {
  return toSlashes(path).split('/').at(-1) ?? path;
}

/** A folder name every OS and the gateway can hold, made from what a person typed. */
export function slugOf(name: string): string {
  const slug = name
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .toLowerCase();
  return slug === '' ? 'project' : slug.slice(0, 60);
}

function toSlashes(path: string): string {
  const slashed = path.replaceAll('\\', '/');
  return slashed.length > 1 ? slashed.replace(/\/+$/, '') : slashed;
}
