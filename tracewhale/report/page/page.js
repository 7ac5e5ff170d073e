"use strict";
// The map, the search and the chosen path of a report. Names come from strangers: they are only ever written as
// textContent or as a value of an attribute that runs nothing.
(async () => {
  const $ = id => document.getElementById(id);
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const CATEGORIES = {
    trace: "the run used it", loader: "the loader needs it", language: "imported", unit: "belongs to what was used",
    rule: "a rule", other: "links, directories, options", removed: "removed",
  };
  const MOST_RESULTS = 100, MOST_ROWS = 20, HEADER = 19, DEEPEST = 9, MOST_CELLS = 900;

  const unpack = async text => {
    const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  };
  let data;
  try {
    data = await unpack($("data").textContent);
  } catch {
    $("broken").hidden = false;
    return;
  }

  // ---- the tree of paths ----
  const expanded = runs => {
    const values = [];
    for (let at = 0; at < runs.length; at += 2) for (let n = 0; n < runs[at + 1]; n++) values.push(runs[at]);
    return values;
  };
  const modes = expanded(data.modes), owners = expanded(data.owners);
  const node = (name, path) => ({
    name, path, children: [], up: null, kept: 0, gone: 0, files: 0, goneFiles: 0, weights: {}, category: "other",
  });
  const nodes = [];
  const line = [];
  data.names.split("/").forEach((name, number) => {
    const depth = data.depths[number], up = depth ? line[depth - 1] : null;
    const each = node(name || "/", up ? (up.path === "/" ? "/" : up.path + "/") + name : "/");
    Object.assign(each, {number, up, kind: data.kinds[number], kept: data.sizes[number]});
    each.files = each.kind === "f" || (each.kind === "u" && each.kept) ? 1 : 0;
    const first = data.why[number][0];
    each.category = first >= 0 ? data.clauses[data.reasons[first][0]][0] : "other";
    if (each.kept) each.weights[each.category] = each.kept;
    if (up) up.children.push(each);
    line[depth] = each;
    nodes.push(each);
  });
  const many = number => number.toLocaleString("en-US");
  for (const [number, files, size, directory] of data.removed) {
    let place = nodes[number];
    if (directory) {
      const rest = node(`${many(files)} removed ${files === 1 ? "file" : "files"}`, place.path);
      Object.assign(rest, {up: place, kind: "x", number: -1, within: place});
      place.children.push(rest);
      place = rest;
    }
    Object.assign(place, {gone: size, goneFiles: files, category: "removed"});
    place.weights.removed = size;
  }
  const add = (to, from) => {
    to.kept += from.kept; to.gone += from.gone; to.files += from.files; to.goneFiles += from.goneFiles;
    for (const [name, size] of Object.entries(from.weights)) to.weights[name] = (to.weights[name] || 0) + size;
  };
  const heaviest = each => Object.entries(each.weights).sort((a, b) => b[1] - a[1])[0]?.[0] || each.category;
  const total = each => {
    for (const child of each.children) { total(child); add(each, child); }
    if (each.children.length) each.category = heaviest(each);
    if (each.gone && !each.kept && !each.files) each.category = "removed";
  };
  const root = nodes[0];
  total(root);

  // ---- the same by packages ----
  const packages = (() => {
    const top = node("All packages", ""), kinds = {}, list = [];
    data.packages.forEach(([kind, name, version, size, removed]) => {
      kinds[kind] ??= Object.assign(node(kind, ""), {up: top});
      const each = Object.assign(node(name, ""), {up: kinds[kind], title: `${name} ${version}`});
      if (removed) {
        const rest = Object.assign(node("removed files", ""), {up: each, gone: removed, category: "removed", kind: "x"});
        rest.weights.removed = removed;
        each.children.push(rest);
      }
      kinds[kind].children.push(each);
      list.push(each);
    });
    top.children = Object.values(kinds);
    const none = Object.assign(node("of no package", ""), {up: top});
    for (const each of nodes) {
      if (!each.files || each.children.length) continue;
      const owned = data.owned[each.number];
      const place = owned === -1 ? none : list[Array.isArray(owned) ? owned[0] : owned];
      const copy = Object.assign(node(each.name, each.path), {up: place, number: each.number, kind: each.kind,
        kept: each.kept, files: 1, category: each.category, weights: {...each.weights}});
      place.children.push(copy);
    }
    if (none.children.length) top.children.push(none);
    total(top);
    return top;
  })();

  // ---- words ----
  const human = size => {
    if (size < 1000) return `${size} B`;
    for (const unit of ["kB", "MB", "GB", "TB"]) {
      size /= 1000;
      if (size < 999.95 || unit === "TB") return `${size.toFixed(1)} ${unit}`;
    }
  };
  const sizes = each => [
    each.kept || each.files || !each.gone ? `${human(each.kept)} kept` : "",
    each.gone || each.goneFiles ? `${human(each.gone)} removed` : "",
  ].filter(Boolean).join(", ");
  const reference = number => number >= 0 ? nodes[number].path : data.texts[-1 - number];
  const clause = number => {
    const [kind, by, detail] = data.reasons[number];
    const [, full, short] = data.clauses[kind];
    const words = {"{by}": reference(by), "{detail}": reference(detail)};
    return (words["{detail}"] ? full : short).split(/(\{by\}|\{detail\})/).map(part => words[part] ?? part).join("").trim();
  };

  // ---- the map ----
  const state = {view: "directories", both: data.known, at: root, chosen: null};
  const map = $("map");
  const value = each => each.kept + (state.both ? each.gone : 0);

  // Squarified treemaps (Bruls, Huizing, van Wijk 2000): rows along the shorter side, of cells as square as can be.
  const squarify = (items, x, y, width, height, place) => {
    let rest = items.reduce((sum, item) => sum + value(item), 0);
    let begin = 0;
    while (begin < items.length && rest > 0 && width > 0 && height > 0) {
      const side = Math.min(width, height), scale = width * height / rest;
      let end = begin, row = 0, worst = Infinity;
      const largest = value(items[begin]) * scale;
      while (end < items.length) {
        const next = value(items[end]) * scale, area = row + next;
        const ratio = Math.max(side * side * largest / (area * area), area * area / (side * side * next));
        if (ratio > worst) break;
        worst = ratio; row = area; end++;
      }
      const thick = row / side;
      let along = 0;
      for (; begin < end; begin++) {
        const part = value(items[begin]) * scale, long = part / thick;
        if (width >= height) place(items[begin], x, y + along, thick, long);
        else place(items[begin], x + along, y, long, thick);
        along += long;
        rest -= value(items[begin]);
      }
      if (width >= height) { x += thick; width -= thick; } else { y += thick; height -= thick; }
    }
  };

  const only = each => {
    const some = each.children.filter(child => value(child) > 0);
    return state.view === "directories" && some.length === 1 && some[0].children.length ? some[0] : null;
  };

  let cells = [];
  const draw = () => {
    map.textContent = "";
    cells = [];
    const whole = map.clientWidth, tall = map.clientHeight;
    const inside = (parent, x, y, width, height, depth) => {
      const items = parent.children.filter(child => value(child) > 0).sort((a, b) => value(b) - value(a));
      squarify(items, x, y, width, height, (each, left, top, wide, high) => {
        let name = each.name;
        // A directory with nothing but a directory in it shares its cell.
        for (let below = only(each); below; below = only(below)) { each = below; name += "/" + below.name; }
        if (wide < 4 || high < 4 || cells.length >= MOST_CELLS) return;
        const open = each.children.length && wide > 52 && high > 46 && depth < DEEPEST;
        const cell = make("button", "cell " + (open ? "directory" : each.category));
        cell.type = "button";
        cell.tabIndex = -1;
        cell.style.left = `${100 * left / whole}%`; cell.style.top = `${100 * top / tall}%`;
        cell.style.width = `${100 * wide / whole}%`; cell.style.height = `${100 * high / tall}%`;
        cell.setAttribute("aria-label", `${each.title || each.path || each.name}${each.within ? ": " + each.name : ""}, ${sizes(each)}`);
        cell.title = `${each.title || each.path || each.name}${each.within ? ": " + each.name : ""}\n${sizes(each)}`;
        if (wide < 30 || high < 17) cell.classList.add("tiny");
        else {
          cell.append(make("span", "", name));
          if (!open && high > 36 && wide > 46) cell.append(make("span", "size", human(value(each))));
        }
        if (each === state.chosen) cell.classList.add("chosen");
        cell.addEventListener("click", () => open_(each));
        cells.push({cell, each, x: left + wide / 2, y: open ? top + HEADER / 2 : top + high / 2});
        map.append(cell);
        if (open) inside(each, left + 3, top + HEADER, wide - 6, high - HEADER - 3, depth + 1);
      });
    };
    inside(state.at, 0, 0, whole, tall, 0);
    if (!cells.length) map.append(make("p", "hint", "Nothing here has a size."));
    const current = cells.find(({each}) => each === state.chosen) || cells[0];
    if (current) current.cell.tabIndex = 0;
  };

  const crumbs = () => {
    const bar = $("crumbs"), way = [];
    bar.textContent = "";
    for (let each = state.at; each; each = each.up) way.unshift(each);
    way.forEach((each, number) => {
      if (number === way.length - 1) {
        const here = make("span", "", each.title || each.name);
        here.setAttribute("aria-current", "location");
        bar.append(here);
      } else {
        const button = make("button", "link", each.name);
        button.type = "button";
        button.addEventListener("click", () => go(each));
        bar.append(button, make("span", "", each.name === "/" ? "" : state.view === "packages" ? ":" : "/"));
      }
    });
    bar.append(make("span", "size", sizes(state.at)));
  };

  const rows = () => {
    const box = $("inside");
    box.textContent = "";
    const items = state.at.children.filter(child => state.both || child.kept || child.category !== "removed")
      .sort((a, b) => value(b) - value(a));
    const first = items.filter(child => value(child) > 0).slice(0, MOST_ROWS);
    const table = make("table"), head = make("thead"), line = make("tr"), body = make("tbody");
    for (const [text, style] of [["Inside", ""], ["Kept", "n"], ["Removed", "n"]]) {
      const cell = make("th", style, text);
      cell.scope = "col";
      line.append(cell);
    }
    head.append(line);
    const fill = list => list.forEach(each => {
      const row = make("tr"), name = make("td"), button = make("button", "link path", each.name);
      button.type = "button";
      button.addEventListener("click", () => open_(each));
      name.append(button);
      row.append(name, make("td", "n", each.kept || each.files ? human(each.kept) : ""),
        make("td", "n", each.gone ? human(each.gone) : data.known ? "" : "?"));
      body.append(row);
    });
    fill(first);
    table.append(head, body);
    box.append(table);
    if (items.length > first.length) {
      const more = make("button", "link", `Show all ${many(items.length)}`);
      more.type = "button";
      more.addEventListener("click", () => { more.remove(); fill(items.filter(each => !first.includes(each))); });
      box.append(more);
    }
  };

  const go = (each, focus = true) => {
    const held = map.contains(document.activeElement);
    state.at = each;
    draw(); crumbs(); rows();
    if (focus && held) cells[0]?.cell.focus();
  };
  const open_ = each => {
    if (each.children.length) go(each);
    choose(each);
  };

  // ---- the chosen path ----
  const link = each => {
    const button = make("button", "link path", each.path);
    button.type = "button";
    button.addEventListener("click", () => show(each));
    return button;
  };
  const chain = number => {
    const steps = [], seen = new Set();
    while (number >= 0 && !seen.has(number) && data.why[number].length) {
      seen.add(number);
      steps.push([nodes[number], clause(data.why[number][0])]);
      number = data.next[number];
    }
    return steps;
  };
  const KINDS = {f: "file", d: "directory", l: "symbolic link", o: "special file", u: "path", x: ""};
  const choose = each => {
    state.chosen = each;
    for (const {cell, each: other} of cells) cell.classList.toggle("chosen", other === each);
    const box = $("detail");
    box.textContent = "";
    box.append(make("h3", "path", each.title || (each.within ? `${each.path}: ${each.name}` : each.path || each.name)));
    const facts = [sizes(each)];
    const number = each.number ?? -1;
    if (number >= 0 && data.kinds[number] !== "x") {
      facts.unshift(KINDS[data.kinds[number]]);
      if (modes[number]) facts.push(`mode ${modes[number].toString(8).padStart(4, "0")}`);
      if (owners[number]) facts.push(`owner ${owners[number]}`);
      if (data.kinds[number] === "d" || each.files > 1) facts.push(`${many(each.files)} files kept below it`);
      const owned = data.owned[number];
      const named = (owned === -1 ? [] : [owned].flat()).map(at => data.packages[at]);
      if (named.length) facts.push("package " + named.map(([kind, name, version]) => `${name} ${version} (${kind})`).join(", "));
    }
    box.append(make("p", "note", facts.filter(Boolean).join(" · ")));
    if (number < 0 || !data.why[number].length) {
      if (each.gone && !each.kept) box.append(make("p", "", "Nothing asked for it: it is not in the new image. --include keeps it."));
      return;
    }
    box.append(make("h4", "", "Why it is kept, step by step to the command"));
    const list = make("ol");
    for (const [step, text] of chain(number)) {
      const item = make("li");
      if (step.number !== number) item.append(link(step), ": ");
      item.append(text);
      list.append(item);
    }
    box.append(list);
    const others = data.why[number].slice(1);
    if (!others.length) return;
    const all = make("details"), body = make("ul");
    const rest = others.filter(reason => reason < 0).reduce((sum, reason) => sum - reason, 0);
    const listed = others.filter(reason => reason >= 0);
    all.append(make("summary", "", `${many(listed.length + rest)} more ${listed.length + rest === 1 ? "reason" : "reasons"}`));
    for (const reason of listed) body.append(make("li", "", clause(reason)));
    if (rest) body.append(make("li", "", `and ${many(rest)} more`));
    all.append(body);
    box.append(all);
  };
  const show = each => {
    if (state.view !== "directories") {
      state.view = "directories";
      document.querySelector("input[value=directories]").checked = true;
    }
    go(each.children.length ? each : each.up || root, false);
    choose(each);
  };

  // ---- what people do ----
  const search = $("search");
  search.addEventListener("input", () => {
    const words = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const box = $("results"), list = box.querySelector("ul");
    box.hidden = !words.length;
    list.textContent = "";
    if (!words.length) return;
    const hits = nodes.filter(each => { const path = each.path.toLowerCase(); return words.every(word => path.includes(word)); });
    $("count").textContent = `${many(hits.length)} ${hits.length === 1 ? "path" : "paths"}` +
      (hits.length > MOST_RESULTS ? `, the first ${MOST_RESULTS} are shown` : "");
    for (const each of hits.slice(0, MOST_RESULTS)) {
      const item = make("li");
      item.append(link(each), make("span", "note", ` ${sizes(each)}`));
      list.append(item);
    }
  });
  document.querySelectorAll("input[name=view]").forEach(input => input.addEventListener("change", () => {
    state.view = input.value;
    go(state.view === "packages" ? packages : root);
  }));
  document.querySelectorAll("input[name=shown]").forEach(input => input.addEventListener("change", () => {
    state.both = input.value === "both";
    go(state.at);
  }));
  map.addEventListener("keydown", event => {
    if (event.key === "Escape" || event.key === "Backspace") {
      event.preventDefault();
      if (state.at.up) go(state.at.up);
      return;
    }
    const ahead = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
    if (!ahead) return;
    event.preventDefault();
    const from = cells.find(({cell}) => cell === document.activeElement);
    if (!from) return;
    let best = null, least = Infinity;
    for (const to of cells) {
      const right = to.x - from.x, down = to.y - from.y;
      const along = right * ahead[0] + down * ahead[1], aside = Math.abs(right * ahead[1]) + Math.abs(down * ahead[0]);
      if (to !== from && along > 1 && along + 2 * aside < least) { least = along + 2 * aside; best = to; }
    }
    if (best) {
      from.cell.tabIndex = -1;
      best.cell.tabIndex = 0;
      best.cell.focus();
    }
  });

  for (const id of ["tools", "crumbs", "map", "legend", "beside"]) $(id).hidden = false;
  $("shown").hidden = !data.known;
  for (const [name, text] of Object.entries(CATEGORIES)) {
    if (!root.weights[name]) continue;
    const item = make("li", "", text);
    item.prepend(make("i", name));
    $("legend").append(item);
  }
  go(root);
  choose(root);
  let width = map.clientWidth;
  new ResizeObserver(() => { if (map.clientWidth !== width) { width = map.clientWidth; draw(); } }).observe(map);
  document.documentElement.dataset.ready = "yes";
})();
