/* page.h — what a browser gets: the load as it is pushed, and the notes of all who look. */
#ifndef MONITOR_PAGE_H
#define MONITOR_PAGE_H

/* textContent and not innerHTML: notes are written by strangers. */
static const char page[] =
    "<!DOCTYPE html>\n"
    "<html lang='en'>\n"
    "<head><meta charset='utf-8'><title>monitor</title><link rel='icon' href='data:,'></head>\n"
    "<body>\n"
    "<p>Load: <output id='load'>…</output></p>\n"
    "<form id='say'><input id='note' maxlength='100' aria-label='note'></form>\n"
    "<ul id='notes'></ul>\n"
    "<script>\n"
    "const at = (id) => document.getElementById(id);\n"
    "const base = location.pathname.replace(/\\/$/, '');\n"
    "const source = new EventSource(base + '/events');\n"
    "source.addEventListener('load', (event) => {\n"
    "  const now = JSON.parse(event.data);\n"
    "  at('load').textContent = now.load.join(' ') + ' at ' + now.time;\n"
    "});\n"
    "function add(text) {\n"
    "  const item = document.createElement('li');\n"
    "  item.textContent = text;\n"
    "  at('notes').prepend(item);\n"
    "}\n"
    "source.addEventListener('note', (event) => add(event.data));\n"
    "source.addEventListener('missed', (event) => add(event.data + ' events were missed'));\n"
    "at('say').onsubmit = (event) => {\n"
    "  event.preventDefault();\n"
    "  fetch(base || '/', {method: 'POST', body: at('note').value});\n"
    "  at('note').value = '';\n"
    "};\n"
    "</script>\n"
    "</body>\n"
    "</html>\n";

#endif
