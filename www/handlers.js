// The section "Handlers" of the first page: each form calls a plugin and shows what comes back, piece
// by piece, as it comes. Without this file the forms still work, in a page of their own.

import { $, duration, here, line, quoted } from './wire.js';

// ---- asking -------------------------------------------------------------------------------------

// What a form asks for: { url, method, headers, body, curl }.
const builders = {
  get(form, action) {
    const url = here(action);
    url.search = new URLSearchParams(new FormData(form));
    return { url, method: 'GET', headers: {}, curl: [form.dataset.curl, url] };
  },

  text(form, action) {
    return withContent(here(action), 'text/plain; charset=utf-8', form.elements.text.value);
  },

  note(form, action) {
    return withContent(here(action), 'application/json', JSON.stringify({ text: form.elements.text.value }));
  },

  list(form, action) {
    const url = here(action);
    return { url, method: 'GET', headers: {}, curl: [url] };
  },
};

function withContent(url, type, body) {
  return {
    url, method: 'POST', headers: { 'Content-Type': type }, body,
    curl: ['-H', `Content-Type: ${type}`, '--data-raw', body, url],
  };
}

// The server of files answers in place of a handler that is not there.
function isMounted({ status, headers }, method) {
  if (status === 404) return headers.get('content-type')?.startsWith('application/json') ?? false;
  if (status === 405 || status === 501) return (headers.get('allow') ?? '').includes(method);
  return true;
}

// ---- showing ------------------------------------------------------------------------------------

function statusOf({ status, statusText }) {
  return `${status} ${statusText}`.trimEnd();
}

function say(card, text, isGood = true) {
  const outcome = card.querySelector('.outcome');
  outcome.textContent = text;
  outcome.classList.toggle('bad', !isGood);
}

function command(text) {
  const pre = document.createElement('pre');
  pre.className = 'type';
  pre.append(Object.assign(document.createElement('code'), { textContent: text }));
  return pre;
}

function showMissing(card, response) {
  const name = card.dataset.handler;
  say(card, `${statusOf(response)}: no handler is mounted at /${name} yet.`);
  card.querySelector('.came').replaceChildren(
    line('Build it, start the server with it, and ask again:', 'note'),
    command(`weir serve www --plugin /${name}=./${name}.so`),
    line(`Its source, and how to build it, are in plugins/${name}/.`, 'note'));
}

// A page is for a window of its own.
async function showPage(card, response) {
  const { length } = await response.text();
  card.querySelector('.came').replaceChildren(line(`A page of ${length} characters.`, 'note'));
}

// Appends to the card what comes; the number of pieces and when the last one came.
async function showPieces(card, response, since) {
  const pre = document.createElement('pre');
  const came = card.querySelector('.came');
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  let pieces = 0;

  came.replaceChildren(pre);
  pre.setAttribute('role', 'region');
  pre.setAttribute('aria-label', `What /${card.dataset.handler} has sent`);
  for (;;) {
    const { done, value } = reader ? await reader.read() : { done: true };
    pre.append(decoder.decode(value, { stream: !done }));
    if (done) break;
    pieces++;
    if (pieces > 1) pre.scrollTop = pre.scrollHeight;
    if (pre.scrollHeight > pre.clientHeight) pre.tabIndex = 0; // so that the keyboard can scroll it
  }
  if (pre.textContent === '') came.replaceChildren(line('No content.', 'note'));
  return { pieces, ms: performance.now() - since };
}

const running = new WeakMap(); // the AbortController of a card's last question

// Whether the handler was there and has answered with success.
async function call(card, { url, method, headers, body, curl }) {
  const controller = new AbortController();
  const since = performance.now();
  let response;

  running.get(card)?.abort();
  running.set(card, controller);
  say(card, 'Asked, and waiting …');
  card.querySelector('.came').replaceChildren();
  card.querySelector('.curl code').textContent = ['curl', ...curl.filter(Boolean).map(quoted)].join(' ');
  try {
    response = await fetch(url, { method, headers, body, cache: 'no-store', signal: controller.signal });
    if (!isMounted(response, method)) {
      await response.body?.cancel();
      showMissing(card, response);
      return false;
    }
    const first = performance.now() - since;
    if (response.headers.get('content-type')?.startsWith('text/html')) {
      await showPage(card, response);
      say(card, `${statusOf(response)} after ${duration(first)}`, response.ok);
      return response.ok;
    }
    say(card, `${statusOf(response)} after ${duration(first)}, and more is coming …`, response.ok);
    const { pieces, ms } = await showPieces(card, response, since);
    say(card, `${statusOf(response)} after ${duration(first)}` +
      (pieces > 1 ? `, the last of ${pieces} pieces after ${duration(ms)}` : ''), response.ok);
    return response.ok;
  } catch (error) {
    if (controller.signal.aborted) return false; // a later question has taken its place
    say(card, response ? `${statusOf(response)}, but the answer broke off.`
      : 'No answer came. Is the server still running?', false);
    return false;
  }
}

// ---- notes --------------------------------------------------------------------------------------

const NOTES = 'jsonapi/notes';

function noteItem({ id, text }) {
  const item = document.createElement('li');
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = 'Delete';
  button.dataset.note = id;
  button.setAttribute('aria-label', `Delete note ${id}: ${text}`);
  item.append(Object.assign(document.createElement('span'), { textContent: text || '(empty)' }), button);
  return item;
}

async function refreshNotes() {
  try {
    const response = await fetch(here(NOTES), { cache: 'no-store' });
    const { notes } = response.ok ? await response.json() : { notes: [] };
    $('notes').replaceChildren(...notes.map(noteItem));
  } catch {
    $('notes').replaceChildren(); // the answer beside it has said why
  }
}

async function eraseNote(card, id) {
  const url = here(`${NOTES}/${id}`);
  await call(card, { url, method: 'DELETE', headers: {}, curl: ['-X', 'DELETE', url] });
  await refreshNotes();
  card.querySelector('input').focus(); // its button is gone
}

// ---- the forms ----------------------------------------------------------------------------------

$('calls').addEventListener('submit', async (event) => {
  const form = event.target;
  const card = form.closest('.call');
  const button = event.submitter;
  const build = builders[button?.dataset.build ?? form.dataset.build];
  const action = button?.getAttribute('formaction') ?? form.getAttribute('action');

  event.preventDefault();
  const isDone = await call(card, build(form, action));
  if (card.dataset.handler === 'jsonapi' && isDone) await refreshNotes();
});

$('calls').addEventListener('click', (event) => {
  const button = event.target.closest('button[data-note]');
  if (button) eraseNote(button.closest('.call'), button.dataset.note);
});
