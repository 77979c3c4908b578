// The live parts of the first page: asks this server with fetch() and shows what comes back.

import { $, duration, here, line, quoted } from './wire.js';

const FILE = 'weir.txt';
const FOLDER = 'guide';
const MISSING = 'no-such-page';
const PIECE = [13, 37];

// ---- asking -------------------------------------------------------------------------------------

// What the browser's clock says of a request. The entry may come a moment after the body.
async function timingOf(url, since) {
  for (let i = 0; i < 10; i++) {
    const entry = performance.getEntriesByName(url, 'resource').find((e) => e.startTime >= since);
    if (entry) return entry;
    await new Promise((done) => setTimeout(done, 10));
  }
  return undefined;
}

function protocolName(id) {
  if (!id) return 'HTTP';
  return id === 'h2' ? 'HTTP/2' : id === 'h3' ? 'HTTP/3' : id.toUpperCase();
}

async function ask(path, { method = 'GET', headers = {} } = {}) {
  const url = here(path);
  performance.clearResourceTimings();
  const since = performance.now();
  const response = await fetch(url, { method, headers, cache: 'no-store' });
  const elapsed = performance.now() - since;
  const body = await response.text();
  const timing = await timingOf(url.href, since);
  return {
    url, method, headers, response, body,
    ms: timing?.responseStart ? timing.responseStart - timing.requestStart : elapsed,
    protocol: protocolName(timing?.nextHopProtocol),
  };
}

// ---- lines --------------------------------------------------------------------------------------

// The browser hands field names over in lower case. Case has no meaning there; this is for the eye.
function fieldName(name) {
  return name === 'etag' ? 'ETag' : name.replace(/(^|-)[a-z]/g, (c) => c.toUpperCase());
}

function bodyText(text) {
  const pre = document.createElement('pre');
  pre.textContent = text;
  return pre;
}

function requestLines({ url, method, headers, protocol }, kind = 'start') {
  const lines = [line(`${method} ${url.pathname} ${protocol}`, kind)];
  for (const [name, value] of Object.entries(headers)) lines.push(line(`${name}: ${value}`, 'key'));
  return lines;
}

function responseLines({ response, protocol }, keys = []) {
  const { status, statusText } = response;
  const lines = [line(`${protocol} ${status} ${statusText}`.trimEnd(), 'start')];
  for (const [name, value] of response.headers) {
    lines.push(line(`${fieldName(name)}: ${value}`, keys.includes(name) ? 'key' : 'plain'));
  }
  return lines;
}

// ---- the questions: each one answers { why, asked, answered, last, curl } ------------------------

const questions = {
  async whole() {
    const a = await ask(FILE);
    return {
      why: 'The plainest question. The answer says what kind of file it is, how long it is, and when ' +
        'it was changed. The ETag is the name of this very version.',
      asked: requestLines(a),
      answered: [...responseLines(a, ['content-type', 'content-length', 'etag']), bodyText(a.body)],
      last: a,
      curl: ['-i', a.url],
    };
  },

  async unchanged() {
    const etag = (await ask(FILE, { method: 'HEAD' })).response.headers.get('etag');
    if (!etag) throw new Error('The server sends no ETag for this file, so there is nothing to compare.');
    const a = await ask(FILE, { headers: { 'If-None-Match': etag } });
    const same = a.response.status === 304;
    return {
      why: 'The page already knows this version by its ETag, and says so. ' + (same
        ? 'Nothing has changed, so the server answers 304 and leaves the body out.'
        : 'The server has answered with the file all the same.'),
      asked: requestLines(a),
      answered: [...responseLines(a, ['etag']),
        ...(a.body ? [bodyText(a.body)] : [line('No body.', 'note')])],
      last: a,
      curl: ['-i', '-H', `If-None-Match: ${etag}`, a.url],
    };
  },

  async piece() {
    const [first, last] = PIECE;
    const a = await ask(FILE, { headers: { Range: `bytes=${first}-${last}` } });
    return {
      why: a.response.status === 206
        ? `Bytes ${first} to ${last}, please, and nothing else. So a player can jump into a film, and a broken ` +
          'download can go on where it stopped.'
        : 'The page has asked for a piece, and the server has answered with something else.',
      asked: requestLines(a),
      answered: [...responseLines(a, ['content-range', 'content-length']), bodyText(a.body)],
      last: a,
      curl: ['-i', '-r', `${first}-${last}`, a.url],
    };
  },

  async head() {
    const a = await ask(FILE, { method: 'HEAD' });
    return {
      why: 'The same lines as for the whole file, but without the file. Content-Length is the length ' +
        'it would have.',
      asked: requestLines(a),
      answered: [...responseLines(a, ['content-length']), line('No body.', 'note')],
      last: a,
      curl: ['-I', a.url],
    };
  },

  async folder() {
    const a = await ask(FOLDER);
    const arrived = new URL(a.response.url);
    const then = { url: arrived, method: 'GET', headers: {}, protocol: a.protocol };
    return {
      why: a.response.redirected
        ? 'A folder’s address ends in a slash. Without it, links inside the folder would lead astray. So the ' +
          `server redirects from ${a.url.pathname} to ${arrived.pathname}.`
        : 'A folder’s address ends in a slash. The server has not redirected this time.',
      asked: requestLines(a),
      answered: [
        ...(a.response.redirected
          ? [line('A redirect. The browser follows it at once and keeps its lines to itself; curl shows them.', 'note'),
            ...requestLines(then, 'again')]
          : []),
        ...responseLines(a, ['content-type']),
        line(`And then the page: ${a.body.length} characters.`, 'note'),
      ],
      last: a,
      curl: ['-i', a.url],
    };
  },

  async missing() {
    const a = await ask(MISSING);
    return {
      why: 'There is no such file. The status says it to programs, and a short page says it to people. ' +
        'Browsers also note a 404 in their console.',
      asked: requestLines(a),
      answered: [...responseLines(a, ['content-type']),
        line(`And then the error page: ${a.body.length} characters.`, 'note')],
      last: a,
      curl: ['-i', a.url],
    };
  },
};

// ---- the bench ----------------------------------------------------------------------------------

let turn = 0;

async function show(name) {
  const mine = ++turn;
  for (const button of $('asks').querySelectorAll('button')) {
    button.setAttribute('aria-pressed', String(button.dataset.ask === name));
  }
  let result;
  try {
    result = await questions[name]();
  } catch (error) {
    const text = error instanceof TypeError ? 'No answer came. Is the server still running?' : error.message;
    result = { why: text, asked: [line('…')], answered: [line('…')] };
  }
  if (mine !== turn) return; // another button was faster
  const { why, asked, answered, last, curl } = result;
  $('why').textContent = why;
  $('asked').replaceChildren(...asked);
  $('answered').replaceChildren(...answered);
  $('took').textContent = last ? `after ${duration(last.ms)}` : '';
  $('curl').textContent = curl ? ['curl', ...curl.map(quoted)].join(' ') : '…';
  $('said').textContent = last ? `Answer: ${last.response.status} ${last.response.statusText}. ${why}` : why;
}

// ---- what answers here --------------------------------------------------------------------------

async function lookAround() {
  const facts = { server: '–', protocol: '–', status: '–', took: '–', date: '–' };
  let note;
  try {
    const a = await ask('./');
    const { headers, status, statusText } = a.response;
    const server = headers.get('server');
    facts.server = server ?? 'not named';
    facts.protocol = a.protocol;
    facts.status = `${status} ${statusText}`.trimEnd();
    facts.took = duration(a.ms);
    facts.date = headers.get('date') ?? 'not told';
    note = server === null || /^weir\b/i.test(server)
      ? 'Read by your browser from the server, just now.'
      : 'This answer does not name Weir. Another server has sent it, or stands in front.';
  } catch {
    note = 'No answer came. Is the server still running?';
  }
  for (const [name, text] of Object.entries(facts)) {
    $(`fact-${name}`).textContent = text;
    $(`fact-${name}`).title = text;
  }
  $('facts-note').textContent = note;
}

$('again').addEventListener('click', lookAround);
$('asks').addEventListener('click', (event) => {
  const button = event.target.closest('button[data-ask]');
  if (button) show(button.dataset.ask);
});

await lookAround();
await show('whole');
