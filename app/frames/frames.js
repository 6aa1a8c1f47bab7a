// The timeline as a control: gr.HTML runs this once, with its `element` and a `trigger` for its events.
// A frame is chosen by a click or the arrow keys; the limit's line is dragged, or moved by the arrow keys.
// Wherever the focus is, but in a box to write in, y, n, i and u press the buttons that judge the chosen frame.
const JUDGE = {y: "frames-object", n: "frames-fine", i: "frames-ignore-here", u: "frames-back"};
const PAUSE = 200; // milliseconds without a key before the page is asked for what was chosen
const find = (what) => element.querySelector(what);
let waiting;

const later = (event, data) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => trigger(event, data), PAUSE);
};
const place = (event) => {
    const svg = find("svg");
    return new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
};
const dots = () => [...element.querySelectorAll("[role=option]")];
const nearest = (event) => {
    const {x} = place(event), far = (dot) => Math.abs(dot.getAttribute("cx") - x);
    return dots().reduce((best, dot) => (far(dot) < far(best) ? dot : best));
};
const tell = (dot) => (find(".tip").textContent = dot ? dot.getAttribute("aria-label") : "");
const current = () => find("[aria-selected=true]");

function choose(dot) {
    current()?.setAttribute("aria-selected", "false");
    dot.setAttribute("aria-selected", "true");
    find(".frames").setAttribute("aria-activedescendant", dot.id);
    tell(dot);
    later("select", {index: Number(dot.id.split("-").pop()), value: null});
}

function pick(event) {
    find(".frames").focus({preventScroll: true});
    choose(nearest(event));
}

function moveLimit(value) {
    const {floor, unit, says} = find("svg").dataset, line = find(".limit");
    const limit = Math.max(0, value);
    const digits = {minimumFractionDigits: 2, maximumFractionDigits: 2, useGrouping: false};
    const said = says.replace("{limit}", limit.toLocaleString(document.documentElement.lang, digits));
    const before = Number(find(".limit line").getAttribute("y1"));
    line.setAttribute("transform", `translate(0 ${floor - unit * limit - before})`);
    line.setAttribute("aria-valuenow", limit.toFixed(3));
    line.setAttribute("aria-valuetext", said);
    find(".limit text").textContent = said;
    return limit;
}

element.addEventListener("pointerdown", (event) => {
    if (!event.target.closest(".limit")) return;
    event.preventDefault();
    const {floor, unit} = find("svg").dataset, end = new AbortController(), {signal} = end;
    let moved = false;
    const value = (at) => moveLimit((floor - place(at).y) / unit);
    addEventListener("pointermove", (at) => {
        moved ||= Math.abs(at.clientY - event.clientY) > 3;
        if (moved) value(at);
    }, {signal});
    addEventListener("pointercancel", () => end.abort(), {signal});
    addEventListener("pointerup", (up) => {
        end.abort();
        if (!moved) return pick(up);
        find(".limit").focus({preventScroll: true});
        trigger("input", {index: null, value: value(up)});
    }, {signal});
});
element.addEventListener("click", (event) => event.target.closest(".frames") && pick(event));
element.addEventListener("pointermove", (event) => find("svg") && tell(event.target.closest(".frames") ? nearest(event) : current()));
element.addEventListener("pointerleave", () => find("svg") && tell(current()));

element.addEventListener("keydown", (event) => {
    if (event.target.closest(".limit")) return limitKey(event);
    if (!event.target.closest(".frames")) return;
    const all = dots(), at = all.indexOf(current()), last = all.length - 1;
    const to = {ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at < 0 ? last : at - 1, ArrowUp: at < 0 ? last : at - 1, Home: 0, End: last};
    if (!(event.key in to)) return;
    event.preventDefault();
    choose(all[Math.min(Math.max(to[event.key], 0), last)]);
});

function limitKey(event) {
    const now = Number(find(".limit").getAttribute("aria-valuenow"));
    const step = {ArrowUp: 0.01, ArrowRight: 0.01, ArrowDown: -0.01, ArrowLeft: -0.01, PageUp: 0.1, PageDown: -0.1}[event.key];
    if (!step) return;
    event.preventDefault();
    later("input", {index: null, value: moveLimit(now + step)});
}

const WRITTEN_IN = "input:not([type=range], [type=radio], [type=checkbox]), textarea, select, [contenteditable=true]";
const gone = new AbortController();
document.addEventListener("keydown", (event) => {
    if (!element.isConnected) return gone.abort();
    const name = JUDGE[event.key.toLowerCase()];
    if (!name || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.(WRITTEN_IN)) return;
    const button = document.getElementById(name);
    if (!button || button.disabled || !button.offsetParent) return;
    event.preventDefault();
    find(".frames")?.focus({preventScroll: true});
    button.click();
}, {signal: gone.signal});
