// What the live parts of the first page share.

export const $ = (id) => document.getElementById(id);

// An address beside these files, wherever the site is mounted.
export const here = (path) => new URL(path, import.meta.url);

export function duration(ms) {
  return ms < 0.1 ? 'under 0.1 ms' : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

export function line(text, kind = 'plain') {
  const p = document.createElement('p');
  p.className = kind;
  p.textContent = text;
  return p;
}

// An argument as a POSIX shell takes it.
export function quoted(arg) {
  const text = String(arg);
  return /^[\w./:=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
