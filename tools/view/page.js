// Draws the heap. A moment is the number of events that have happened; a block is live
// at the moments from `born` up to, not including, `died`.
"use strict";
(() => {
  const header = JSON.parse(document.getElementById("header").textContent);
  const by_id = (id) => document.getElementById(id);
  const SIZES = [[59, 76, 192], [42, 140, 200], [38, 166, 154], [124, 179, 66], [233, 181, 44],
    [235, 110, 60], [194, 37, 92]];
  const NAMED = ["#4878d0", "#ee854a", "#6acc64", "#d65f5f", "#956cb4", "#8c613c", "#dc7ec0",
    "#3fb8c4", "#d5bb67", "#797979"].map(parse_colour);
  const NONE = [154, 164, 178];
  const LEFT = 104, RIGHT = 10, ROWS = 24, LABEL_HEIGHT = 18;
  const MOMENTS = header.moments;

  let lives, count, times, failures, figures, bounds;
  const view = {timed: header.timed, from: 0, to: 1, low: 0, high: header.length};
  const cursor = {moment: header.peak_moment, place: -1, held: false, inside: false};
  let colour_key = header.colour;
  let colour_of, drag = null, pending = false, geometry = null;

  start().catch((error) => {
    by_id("problem").hidden = false;
    by_id("problem").textContent = `The page cannot show its data: ${error.message}`;
    console.error(error);
  });

  // ---- the data

  async function start() {
    if (!("DecompressionStream" in window)) throw new Error("this browser is too old");
    const packed = Uint8Array.from(atob(by_id("data").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    take_columns(new Uint8Array(await new Response(stream).arrayBuffer()));
    set_axis(view.timed);
    make_buttons();
    listen();
    write_words();
    new ResizeObserver(redraw).observe(by_id("map-box"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    choose_colours();
    document.documentElement.dataset.ready = "1";
  }

  function take_columns(bytes) {
    const columns = {};
    let at = 0;
    for (const [name, [length, width]] of Object.entries(header.columns)) {
      const column = new Float64Array(length);
      for (let plane = 0, weight = 1; plane < width; ++plane, weight *= 256) {
        for (let i = 0; i < length; ++i) column[i] += bytes[at + i] * weight;
        at += length;
      }
      columns[name] = column;
    }
    const summed = (column) => {
      for (let i = 1; i < column.length; ++i) column[i] += column[i - 1];
      return column;
    };
    lives = columns;
    count = columns.born.length;
    summed(lives.born);
    lives.died = lives.born.map((born, i) => born + columns.span[i]);
    times = summed(columns.times);
    failures = summed(columns.failures);
    figures = {moment: summed(columns.figure_moment), used: columns.figure_used,
      asked: columns.figure_asked, free: columns.figure_free, largest: columns.figure_largest};
  }

  // The x of each moment, and where the last one ends.
  function set_axis(timed) {
    view.timed = timed;
    bounds = new Float64Array(MOMENTS + 2);
    for (let i = 0; i <= MOMENTS; ++i) bounds[i] = timed ? times[i] : i;
    bounds[MOMENTS + 1] = timed ? times[MOMENTS] + Math.max(1, times[MOMENTS] / 50) : MOMENTS + 1;
    view.from = 0;
    view.to = bounds[MOMENTS + 1];
  }

  // The last index whose value is at most `value`; values rise.
  function last_at_most(values, value, length = values.length) {
    let low = 0, high = length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[middle] <= value) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
  const moment_at = (x) => last_at_most(bounds, x, MOMENTS + 1);

  // An address can have more bits than a number here.
  const bytes_on = (address, offset) => BigInt(address) + BigInt(Math.floor(offset));
  const stretch_starts = header.stretches.map((stretch) => stretch[0]);
  function address_of(place) {
    const [begin, length, address, size, folded] =
      header.stretches[last_at_most(stretch_starts, place)];
    return bytes_on(address, folded ? (place - begin) * size / length : place - begin);
  }

  // ---- words

  const number = (value) => Math.round(value).toLocaleString("en-US");
  const hex = (address) => "0x" + BigInt(address).toString(16);
  function bytes(value) {
    const units = ["B", "KiB", "MiB", "GiB"];
    let unit = 0;
    while (value >= 1024 && unit < 3) value /= 1024, ++unit;
    return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`;
  }
  function duration(us) {
    if (us < 1e3) return `${+us.toFixed(0)} µs`;
    if (us < 1e6) return `${+(us / 1e3).toPrecision(4)} ms`;
    return `${+(us / 1e6).toPrecision(5)} s`;
  }
  const what = header.played ? "operation" : "event";
  const label_of = (x) => view.timed ? duration(x) : number(x);
  function moment_words(moment) {
    const words = moment === 0 ? "before the first " + what : `after ${what} ${number(moment)}`;
    return header.timed ? `${words}, at ${duration(times[moment])}` : words;
  }
  const percent = (value) => `${(100 * value).toFixed(1)} %`;
  const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const tag_of = (i) => header.tags[lives.tag[i]];
  const caller_of = (i) => header.callers[lives.by[i]];

  // ---- colours

  function parse_colour(text) {
    return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
  }
  const css = (colour) => `rgb(${colour.join(",")})`;
  const size_class = (size) => size <= 1 ? 0 : Math.ceil(Math.log2(size));

  function choose_colours() {
    const classes = new Uint8Array(count);
    let palette, labels;
    if (colour_key === "size") {
      let least = 64, most = 0;
      for (let i = 0; i < count; ++i) {
        classes[i] = size_class(lives.size[i]);
        least = Math.min(least, classes[i]);
        most = Math.max(most, classes[i]);
      }
      palette = Array.from({length: most + 1}, (_, k) => between(
        Math.max(0, k - least) / Math.max(1, most - least)));
      labels = palette.map((_, k) => k < least ? "" : "≤ " + bytes(2 ** k));
    } else {
      const column = colour_key === "tag" ? lives.tag : lives.by;
      const texts = colour_key === "tag" ? header.tags : header.callers;
      const weight = new Float64Array(texts.length);
      for (let i = 0; i < count; ++i) weight[column[i]] += lives.size[i];
      const order = [...weight.keys()].filter((k) => k > 0 && weight[k] > 0)
        .sort((a, b) => weight[b] - weight[a] || a - b);
      const shown = order.slice(0, NAMED.length - 1);
      const rank = new Uint8Array(texts.length).fill(shown.length + 1);
      rank[0] = 0;
      shown.forEach((k, at) => rank[k] = at + 1);
      for (let i = 0; i < count; ++i) classes[i] = rank[column[i]];
      palette = [NONE, ...NAMED.slice(0, shown.length), NAMED[NAMED.length - 1]];
      labels = [weight[0] ? `no ${colour_key}` : "", ...shown.map((k) => texts[k]),
        order.length > shown.length ? "others" : ""];
    }
    colour_of = {classes, palette, labels};
    by_id("legend").innerHTML = labels.map((label, k) => label &&
      `<span><i style="background:${css(palette[k])}"></i>${escaped(label)}</span>`).join("");
    redraw();
  }

  function between(part) {
    const at = Math.min(Math.floor(part * (SIZES.length - 1)), SIZES.length - 2);
    const rest = part * (SIZES.length - 1) - at;
    return SIZES[at].map((low, k) => Math.round(low + (SIZES[at + 1][k] - low) * rest));
  }

  // ---- drawing

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Boxes in CSS pixels: the map, use, fragmentation.
  function lay_out() {
    const box = by_id("map-box").getBoundingClientRect();
    const width = Math.max(50, box.width - LEFT - RIGHT), height = box.height;
    const use = Math.round(height * 0.17), part = Math.round(height * 0.1);
    const map = height - use - part - 2 * 24 - LABEL_HEIGHT - 10;
    geometry = {
      width: box.width, height, ratio: Math.min(2, window.devicePixelRatio || 1),
      map: {top: 8, height: map}, use: {top: 8 + map + 24, height: use},
      part: {top: 8 + map + 48 + use, height: part}, plot: width,
    };
  }
  const x_of = (value) => LEFT + (value - view.from) / (view.to - view.from) * geometry.plot;
  const value_of = (x) => view.from + (x - LEFT) / geometry.plot * (view.to - view.from);
  const y_of = (place) => geometry.map.top + geometry.map.height *
    (1 - (place - view.low) / (view.high - view.low));
  const place_of = (y) => view.low + (view.high - view.low) *
    (1 - (y - geometry.map.top) / geometry.map.height);

  function redraw() {
    if (pending || !colour_of) return;
    pending = true;
    requestAnimationFrame(() => {
      pending = false;
      lay_out();
      draw();
      show_cursor();
    });
  }

  function context_of(id) {
    const canvas = by_id(id), {width, height, ratio} = geometry;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.font = "11px system-ui, 'DejaVu Sans', sans-serif";
    return context;
  }

  function draw() {
    const context = context_of("map");
    for (const box of [geometry.map, geometry.use, geometry.part]) {
      context.fillStyle = style("--plot");
      context.fillRect(LEFT, box.top, geometry.plot, box.height);
    }
    draw_folds(context);
    draw_blocks(context);
    draw_failures(context);
    draw_curves(context);
    draw_axes(context);
  }

  function draw_folds(context) {
    for (const [place, length, , size, folded] of header.stretches) {
      if (!folded || place > view.high || place + length < view.low) continue;
      const top = Math.max(y_of(place + length), geometry.map.top);
      const bottom = Math.min(y_of(place), geometry.map.top + geometry.map.height);
      context.fillStyle = style("--fold");
      context.fillRect(LEFT, top, geometry.plot, bottom - top);
      if (bottom - top < 12) continue;
      context.fillStyle = style("--quiet");
      context.textAlign = "center";
      context.fillText(`${bytes(size)} in which no block ever lay`, LEFT + geometry.plot / 2,
        (top + bottom) / 2 + 4);
    }
  }

  // Each pixel gets the colours of the blocks in it by the parts they cover of it, so
  // that its shade says how much of that time and those addresses was in blocks.
  function draw_blocks(context) {
    const ratio = geometry.ratio;
    const columns = Math.round(geometry.plot * ratio), rows = Math.round(geometry.map.height * ratio);
    const cover = new Float32Array(columns * rows);
    const red = new Float32Array(columns * rows), green = new Float32Array(columns * rows);
    const blue = new Float32Array(columns * rows);
    const wide = columns / (view.to - view.from), high = rows / (view.high - view.low);
    const large = [];
    for (let i = 0; i < count; ++i) {
      const x0 = (bounds[lives.born[i]] - view.from) * wide;
      const x1 = (bounds[lives.died[i]] - view.from) * wide;
      const y1 = rows - (lives.place[i] - view.low) * high;
      const y0 = y1 - lives.size[i] * high;
      if (x1 <= 0 || x0 >= columns || y1 <= 0 || y0 >= rows) continue;
      const [r, g, b] = colour_of.palette[colour_of.classes[i]];
      const left = Math.max(x0, 0), right = Math.min(x1, columns);
      const top = Math.max(y0, 0), bottom = Math.min(y1, rows);
      const last_x = Math.min(Math.floor(right), columns - 1);
      const last_y = Math.min(Math.floor(bottom), rows - 1);
      for (let y = Math.floor(top); y <= last_y; ++y) {
        const part_y = Math.min(bottom, y + 1) - Math.max(top, y);
        for (let x = Math.floor(left), at = y * columns + x; x <= last_x; ++x, ++at) {
          const part = part_y * (Math.min(right, x + 1) - Math.max(left, x));
          cover[at] += part;
          red[at] += part * r;
          green[at] += part * g;
          blue[at] += part * b;
        }
      }
      if (right - left > 5 * ratio && bottom - top > 4 * ratio) large.push(i);
    }
    const image = new ImageData(columns, rows);
    for (let at = 0; at < cover.length; ++at) {
      const part = cover[at];
      if (part <= 0) continue;
      image.data[4 * at] = red[at] / part;
      image.data[4 * at + 1] = green[at] / part;
      image.data[4 * at + 2] = blue[at] / part;
      // The least is still seen.
      image.data[4 * at + 3] = 255 * Math.min(1, 0.12 + 0.88 * part);
    }
    const sheet = document.createElement("canvas");
    sheet.width = columns;
    sheet.height = rows;
    sheet.getContext("2d").putImageData(image, 0, 0);
    context.drawImage(sheet, LEFT, geometry.map.top, geometry.plot, geometry.map.height);
    outline(context, large.length > 5000 ? [] : large);
  }

  function clip_to(context, box) {
    context.save();
    context.beginPath();
    context.rect(LEFT, box.top, geometry.plot, box.height);
    context.clip();
  }

  function outline(context, large) {
    clip_to(context, geometry.map);
    context.strokeStyle = style("--plot");
    context.lineWidth = 1;
    context.textAlign = "left";
    for (const i of large) {
      const {left, top, width, height} = box_of(i);
      context.strokeRect(left, top, width, height);
      const from = Math.max(left, LEFT);
      const label = tag_of(i) || (lives.size[i] >= 1024 ? bytes(lives.size[i]) : "");
      if (height < 13 || !label || left + width - from < context.measureText(label).width + 10) continue;
      const [r, g, b] = colour_of.palette[colour_of.classes[i]];
      context.fillStyle = 0.3 * r + 0.59 * g + 0.11 * b > 140 ? "#10161d" : "#fff";
      context.fillText(label, from + 4, Math.min(top + height / 2 + 4, top + 16));
    }
    context.restore();
  }

  function box_of(i) {
    const left = x_of(bounds[lives.born[i]]), right = x_of(bounds[lives.died[i]]);
    const top = y_of(lives.place[i] + lives.size[i]), bottom = y_of(lives.place[i]);
    return {left, top, width: right - left, height: bottom - top};
  }

  function draw_failures(context) {
    clip_to(context, geometry.map);
    context.fillStyle = style("--failed");
    let drawn = -9;
    for (const moment of failures) {
      const x = x_of(bounds[moment]);
      if (x - drawn < 1) continue;
      drawn = x;
      context.fillRect(x - 1, geometry.map.top, 2, 9);
    }
    context.restore();
  }

  function draw_curves(context) {
    const from = Math.max(0, last_at_most(figures.moment, moment_at(view.from)));
    let to = last_at_most(figures.moment, moment_at(view.to)) + 1;
    let most = 1;
    for (let i = from; i < to; ++i) most = Math.max(most, figures.used[i], figures.asked[i]);
    const {use, part} = geometry;
    clip_to(context, use);
    stairs(context, use, from, to, (i) => figures.used[i] / most, "--used", true);
    stairs(context, use, from, to, (i) => figures.asked[i] / most, "--asked", true);
    stairs(context, use, from, to, (i) => figures.largest[i] / most, "--free", false);
    context.restore();
    clip_to(context, part);
    stairs(context, part, from, to, fragmentation, "--part", false);
    context.restore();
    context.textAlign = "right";
    context.fillStyle = style("--quiet");
    context.fillText(bytes(most), LEFT - 6, use.top + 9);
    context.fillText("0", LEFT - 6, use.top + use.height);
    context.fillText("100 %", LEFT - 6, part.top + 9);
    context.fillText("0", LEFT - 6, part.top + part.height);
    key_of(context, use, [["--asked", "in use, as asked for"],
      ...(header.played ? [["--used", "with rounding"]] : []), ["--free", "largest free block"]]);
    key_of(context, part, [["--part", "fragmentation: free memory outside the largest free block"]]);
  }

  function fragmentation(i) {
    return figures.free[i] ? 1 - figures.largest[i] / figures.free[i] : 0;
  }

  // A value holds until the next figure.
  function stairs(context, box, from, to, value, colour, filled) {
    const y = (i) => box.top + box.height - (box.height - 3) * value(i);
    context.beginPath();
    context.moveTo(x_of(bounds[figures.moment[from]]), filled ? box.top + box.height : y(from));
    for (let i = from; i < to; ++i) {
      const x = x_of(bounds[figures.moment[i]]);
      if (i > from) context.lineTo(x, y(i - 1));
      context.lineTo(x, y(i));
    }
    context.lineTo(LEFT + geometry.plot, y(to - 1));
    context.fillStyle = context.strokeStyle = style(colour);
    context.lineWidth = 1.4;
    if (!filled) return context.stroke();
    context.lineTo(LEFT + geometry.plot, box.top + box.height);
    context.fill();
  }

  function key_of(context, box, entries) {
    let x = LEFT;
    context.textAlign = "left";
    for (const [colour, text] of entries) {
      context.fillStyle = style(colour);
      context.fillRect(x, box.top - 11, 9, 4);
      context.fillStyle = style("--quiet");
      context.fillText(text, x + 13, box.top - 6);
      x += 13 + context.measureText(text).width + 16;
    }
  }

  function draw_axes(context) {
    context.strokeStyle = style("--line");
    context.lineWidth = 1;
    for (const box of [geometry.map, geometry.use, geometry.part]) {
      context.strokeRect(LEFT - 0.5, box.top - 0.5, geometry.plot + 1, box.height + 1);
    }
    const bottom = geometry.part.top + geometry.part.height;
    const step = round_step((view.to - view.from) / Math.max(2, geometry.plot / 110));
    context.fillStyle = style("--quiet");
    for (let value = Math.ceil(view.from / step) * step; value <= view.to; value += step) {
      const x = x_of(value);
      context.textAlign = x > LEFT + geometry.plot - 30 ? "right" : x < LEFT + 20 ? "left" : "center";
      context.fillRect(x, bottom, 1, 4);
      context.fillText(label_of(value), x, bottom + LABEL_HEIGHT - 2);
    }
    context.textAlign = "right";
    context.fillText(view.timed ? "time" : what, LEFT - 6, bottom + LABEL_HEIGHT - 2);
    draw_addresses(context);
  }

  function round_step(least) {
    const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
    return [1, 2, 5, 10].map((k) => k * power).find((step) => step >= least);
  }

  // At powers of two, and where a stretch begins.
  function draw_addresses(context) {
    let step = 16;
    while (step * geometry.map.height / (view.high - view.low) < 34) step *= 2;
    const taken = [];
    const mark = (address, place) => {
      const y = y_of(place);
      if (y < geometry.map.top - 1 || y > geometry.map.top + geometry.map.height + 1) return;
      if (taken.some((other) => Math.abs(other - y) < 15)) return;
      taken.push(y);
      context.fillRect(LEFT - 4, Math.round(y), 4, 1);
      context.fillText(hex(address), LEFT - 8, Math.min(Math.max(y + 4, 16), geometry.map.top + geometry.map.height));
    };
    for (const [place, , address, , folded] of header.stretches) if (!folded) mark(address, place);
    for (const [place, length, address, , folded] of header.stretches) {
      if (folded) continue;
      const first = Math.max(0, Math.floor((view.low - place) / step) - 1) * step;
      const ahead = Number(-BigInt(address) & BigInt(step - 1));
      for (let at = first + ahead; at <= length && place + at <= view.high; at += step) {
        mark(bytes_on(address, at), place + at);
      }
    }
  }

  // ---- the cursor

  function live_at(moment) {
    const found = [];
    for (let i = 0; i < count && lives.born[i] <= moment; ++i) {
      if (lives.died[i] > moment) found.push(i);
    }
    return found;
  }

  // The block under the cursor, or the one nearest to it within two pixels.
  function block_at(x, place) {
    const near_x = 2 * (view.to - view.from) / geometry.plot;
    const near_y = 2 * (view.high - view.low) / geometry.map.height;
    let best = -1, least = Infinity;
    for (let i = 0; i < count; ++i) {
      const away_x = Math.max(bounds[lives.born[i]] - x, x - bounds[lives.died[i]], 0) / near_x;
      const away_y = Math.max(lives.place[i] - place, place - lives.place[i] - lives.size[i], 0) / near_y;
      if (away_x <= 1 && away_y <= 1 && away_x + away_y < least) {
        least = away_x + away_y;
        best = i;
      }
    }
    return best;
  }

  function show_cursor() {
    const moment = cursor.moment;
    const live = live_at(moment);
    let total = 0;
    for (const i of live) total += lives.size[i];
    const hit = cursor.place < 0 ? -1 : block_at(cursor.x, cursor.place);
    write_moment(moment, live.length, total);
    write_block(hit);
    write_live(moment, live, total, hit);
    write_shares(live, total);
    write_sizes(live);
    draw_cursor(hit);
  }

  function write_moment(moment, blocks, total) {
    const at = last_at_most(figures.moment, moment);
    const failed = failures.length && failures[last_at_most(failures, moment)] === moment;
    by_id("moment").textContent = moment_words(moment) + (failed ? ": refused" : "") +
      (cursor.held ? " (held)" : "");
    const asked = header.complete ? total : figures.asked[at];
    const rows = [["live", `${number(blocks)} blocks, ${bytes(asked)}`],
      ["in use, rounding included", header.played ? bytes(figures.used[at]) : null],
      ["free", bytes(figures.free[at])],
      ["largest free block", bytes(figures.largest[at])], ["fragmentation", percent(fragmentation(at))]];
    if (cursor.place >= 0) rows.push(["address", hex(address_of(cursor.place))]);
    by_id("figures").innerHTML = rows.filter((row) => row[1] !== null)
      .map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join("");
  }

  function write_block(i) {
    const box = by_id("block");
    if (i < 0) {
      box.innerHTML = "<span>No block is under the cursor.</span>";
      delete box.dataset.id;
      return;
    }
    const end = lives.died[i] > MOMENTS ? "<span>never freed</span>" :
      `<span>until</span> ${what} ${number(lives.died[i])}` +
      (header.timed ? ` (${duration(times[lives.died[i]])})` : "") +
      (lives.freed[i] ? ` <span>by</span> ${escaped(header.callers[lives.freed[i]])}` : "");
    const address = address_of(lives.place[i]);
    box.dataset.id = lives.id[i];
    box.innerHTML = `<b>block ${lives.id[i]}</b>${tag_of(i) ? ` <span>tag</span> ${escaped(tag_of(i))}` : ""}<br>` +
      `${number(lives.size[i])} bytes <span>aligned to</span> ${number(2 ** lives.align[i])}<br>` +
      `<span>at</span> ${hex(address)} <span>to</span> ${hex(bytes_on(address, lives.size[i]))}<br>` +
      `<span>${lives.resized[i] ? "resized by" : "since"}</span> ${what} ${number(lives.born[i])}` +
      (header.timed ? ` (${duration(times[lives.born[i]])})` : "") +
      (caller_of(i) ? ` <span>by</span> ${escaped(caller_of(i))}` : "") +
      (lives.core[i] ? ` <span>on core</span> ${lives.core[i] - 1}` : "") + `<br>${end}`;
  }

  function write_live(moment, live, total, hit) {
    live.sort((a, b) => lives.size[b] - lives.size[a] || lives.born[a] - lives.born[b]);
    const rows = live.slice(0, ROWS);
    const table = by_id("live");
    table.dataset.moment = moment;
    table.dataset.blocks = live.length;
    table.dataset.bytes = total;
    table.classList.toggle("plain", header.tags.length + header.callers.length === 2);
    table.querySelector(".who").textContent = shows_callers() ? "by" : "tag";
    by_id("live-caption").textContent = `${number(live.length)} blocks of ${number(total)} bytes are live` +
      (header.complete ? "" : ", of those that the page shows") +
      (live.length > ROWS ? `; the ${ROWS} largest:` : live.length ? ":" : ".");
    table.tBodies[0].innerHTML = rows.map((i) => `<tr data-id="${lives.id[i]}"${i === hit ? ' class="here"' : ""}>` +
      `<td><i style="background:${css(colour_of.palette[colour_of.classes[i]])}"></i>${lives.id[i]}</td>` +
      `<td class="n">${number(lives.size[i])}</td><td>${hex(address_of(lives.place[i]))}</td>` +
      `<td class="n">${header.timed ? duration(times[lives.born[i]]) : number(lives.born[i])}</td>` +
      `<td class="who">${escaped(shows_callers() ? caller_of(i) : tag_of(i))}</td></tr>`).join("");
  }
  const shows_callers = () => colour_key === "by" || header.tags.length === 1;

  // What is live, by colour.
  function write_shares(live, total) {
    const {classes, palette} = colour_of;
    const shares = new Float64Array(palette.length);
    for (const i of live) shares[classes[i]] += lives.size[i];
    by_id("shares").innerHTML = palette.map((colour, k) => shares[k] ?
      `<i style="width:${100 * shares[k] / total}%;background:${css(colour)}" title="` +
      `${escaped(colour_of.labels[k])}: ${bytes(shares[k])}"></i>` : "").join("");
  }

  const class_words = (k) => k === 1 ? "2" : `${number(2 ** (k - 1) + 1)} – ${number(2 ** k)}`;
  let all_sizes = null;
  function write_sizes(live) {
    if (all_sizes === null) {
      all_sizes = [];
      for (let i = 0; i < count; ++i) {
        const k = size_class(lives.size[i]);
        all_sizes[k] = (all_sizes[k] || 0) + 1;
      }
    }
    const now = new Float64Array(all_sizes.length);
    for (const i of live) ++now[size_class(lives.size[i])];
    const most = Math.max(...all_sizes.filter((value) => value));
    let least = 0;
    while (least < all_sizes.length && !all_sizes[least]) ++least;
    let rows = "";
    for (let k = least; k < all_sizes.length; ++k) {
      const all = all_sizes[k] || 0;
      const colour = colour_key === "size" ? css(colour_of.palette[k]) : "var(--asked)";
      rows += `<tr><td>${k ? class_words(k) : "1"}</td>` +
        `<td><div class="bar" style="width:${100 * all / most}%;background:${colour}"></div></td>` +
        `<td class="n">${number(all)}</td><td class="n">${number(now[k])}</td></tr>`;
    }
    by_id("sizes").tBodies[0].innerHTML = rows;
  }

  function draw_cursor(hit) {
    const context = context_of("over");
    const {map, part} = geometry;
    context.strokeStyle = style("--cursor");
    if (hit >= 0) {
      const {left, top, width, height} = box_of(hit);
      clip_to(context, map);
      context.lineWidth = 2;
      context.strokeRect(left - 1, top - 1, Math.max(width, 1) + 2, Math.max(height, 1) + 2);
      context.restore();
    }
    const x = x_of(cursor.x ?? bounds[cursor.moment]);
    if (x >= LEFT && x <= LEFT + geometry.plot) {
      context.lineWidth = 1;
      context.globalAlpha = 0.75;
      if (!cursor.held) context.setLineDash([4, 3]);
      context.beginPath();
      context.moveTo(Math.round(x) + 0.5, map.top);
      context.lineTo(Math.round(x) + 0.5, part.top + part.height);
      context.stroke();
    }
    if (!drag || !drag.moved) return;
    context.setLineDash([]);
    context.globalAlpha = 0.18;
    context.fillStyle = style("--accent");
    const box = drag_box();
    context.fillRect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  }

  // ---- the mouse and the keyboard

  function point_of(event) {
    const box = by_id("map-box").getBoundingClientRect();
    return {x: event.clientX - box.left, y: event.clientY - box.top};
  }
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  function point_at({x, y}) {
    cursor.x = clamp(value_of(clamp(x, LEFT, LEFT + geometry.plot)), 0, bounds[MOMENTS + 1]);
    cursor.moment = moment_at(cursor.x);
    const {top, height} = geometry.map;
    cursor.place = y >= top && y <= top + height ? place_of(y) : -1;
  }

  function go_to(moment) {
    cursor.moment = clamp(moment, 0, MOMENTS);
    cursor.x = (bounds[cursor.moment] + bounds[cursor.moment + 1]) / 2;
    const width = view.to - view.from;
    if (cursor.x < view.from || cursor.x > view.to) {
      move_to(cursor.x - width / 2, width);
    } else {
      show_cursor();
    }
    by_id("spoken").textContent = `${by_id("moment").textContent}. ${by_id("live-caption").textContent}`;
  }

  function move_to(from, width) {
    const end = bounds[MOMENTS + 1];
    const least = view.timed ? 4 : Math.min(8, end);
    width = clamp(width, Math.min(least, end), end);
    view.from = clamp(from, 0, end - width);
    view.to = view.from + width;
    redraw();
  }

  function move_addresses(low, height) {
    height = clamp(height, Math.min(64, header.length), header.length);
    view.low = clamp(low, 0, header.length - height);
    view.high = view.low + height;
    redraw();
  }

  function zoom(factor, x = cursor.x ?? bounds[cursor.moment]) {
    const centre = clamp(x, view.from, view.to);
    move_to(centre - (centre - view.from) * factor, (view.to - view.from) * factor);
  }

  function zoom_addresses(factor, place) {
    move_addresses(place - (place - view.low) * factor, (view.high - view.low) * factor);
  }

  function reset() {
    move_to(0, bounds[MOMENTS + 1]);
    move_addresses(0, header.length);
  }

  function drag_box() {
    const {map, part} = geometry;
    const clamp_x = (x) => clamp(x, LEFT, LEFT + geometry.plot);
    const box = {left: clamp_x(Math.min(drag.x, drag.to.x)), right: clamp_x(Math.max(drag.x, drag.to.x)),
      top: clamp(Math.min(drag.y, drag.to.y), map.top, map.top + map.height),
      bottom: clamp(Math.max(drag.y, drag.to.y), map.top, map.top + map.height)};
    // A flat one, or one over the curves, means all addresses.
    box.flat = box.bottom - box.top < 12;
    return box.flat ? {...box, top: map.top, bottom: part.top + part.height} : box;
  }

  function end_drag() {
    const box = drag_box();
    drag = null;
    if (box.right - box.left < 4) return redraw();
    const from = value_of(box.left), to = value_of(box.right);
    const low = place_of(box.bottom), high = place_of(box.top);
    move_to(from, to - from);
    if (!box.flat) move_addresses(low, high - low);
  }

  function listen() {
    const box = by_id("map-box");
    let asked = false;
    box.addEventListener("pointermove", (event) => {
      const point = point_of(event);
      if (drag) {
        drag.to = point;
        drag.moved = drag.moved || Math.abs(point.x - drag.x) + Math.abs(point.y - drag.y) > 5;
      }
      if (!cursor.held && geometry) point_at(point);
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        show_cursor();
      });
    });
    box.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      const point = point_of(event);
      drag = {...point, to: point, moved: false};
      box.setPointerCapture(event.pointerId);
    });
    box.addEventListener("pointerup", (event) => {
      if (!drag) return;
      if (drag.moved) return end_drag();
      drag = null;
      cursor.held = !cursor.held;
      point_at(point_of(event));
      show_cursor();
    });
    box.addEventListener("pointercancel", () => drag = null);
    box.addEventListener("dblclick", () => {
      cursor.held = false;
      reset();
    });
    box.addEventListener("wheel", (event) => {
      event.preventDefault();
      const {x, y} = point_of(event);
      const turned = event.deltaY || event.deltaX;
      const factor = Math.exp(clamp(turned * (event.deltaMode ? 30 : 1), -300, 300) * 0.0015);
      if (event.shiftKey) zoom_addresses(factor, clamp(place_of(y), view.low, view.high));
      else zoom(factor, value_of(clamp(x, LEFT, LEFT + geometry.plot)));
    }, {passive: false});
    box.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (press(event.key, event.shiftKey)) event.preventDefault();
    });
    by_id("in").onclick = () => zoom(0.5);
    by_id("out").onclick = () => zoom(2);
    by_id("reset").onclick = reset;
    by_id("to-peak").onclick = () => go_to(header.peak_moment);
  }

  // A pixel, or at least a moment; with Shift, twenty.
  function step_time(direction, far) {
    const width = (view.to - view.from) / geometry.plot * (far ? 40 : 2);
    const moment = moment_at(clamp(bounds[cursor.moment] + direction * width, 0, bounds[MOMENTS + 1]));
    go_to(moment === cursor.moment ? moment + direction : moment);
  }

  function step_place(direction, far) {
    const height = (view.high - view.low) / geometry.map.height * (far ? 40 : 4);
    const place = cursor.place < 0 ? (view.low + view.high) / 2 : cursor.place + direction * height;
    cursor.place = clamp(place, 0, header.length);
    if (cursor.place < view.low) move_addresses(cursor.place, view.high - view.low);
    if (cursor.place > view.high) move_addresses(cursor.place - view.high + view.low, view.high - view.low);
    go_to(cursor.moment);
  }

  function press(key, far) {
    const actions = {
      ArrowLeft: () => step_time(-1, far), ArrowRight: () => step_time(1, far),
      ArrowUp: () => step_place(1, far), ArrowDown: () => step_place(-1, far),
      Home: () => go_to(0), End: () => go_to(MOMENTS),
      "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), "0": reset,
      Escape: () => (cursor.held = false, reset()),
      p: () => go_to(header.peak_moment), P: () => go_to(header.peak_moment),
      Enter: () => (cursor.held = !cursor.held, show_cursor()),
    };
    if (!actions[key]) return false;
    actions[key]();
    return true;
  }

  function make_buttons() {
    const colours = [["size", "size"]];
    if (header.tags.length > 1) colours.push(["tag", "tag"]);
    if (header.callers.length > 1) colours.push(["by", "caller"]);
    choice("colour", colours, colour_key, (key) => {
      colour_key = key;
      choose_colours();
    });
    choice("scale", header.timed ? [["time", "time"], ["event", what + "s"]] : [], "time", (key) => {
      set_axis(key === "time");
      if (cursor.x !== undefined) cursor.x = (bounds[cursor.moment] + bounds[cursor.moment + 1]) / 2;
      redraw();
    });
  }

  function choice(id, options, chosen, choose) {
    const group = by_id(id);
    group.hidden = options.length < 2;
    const buttons = options.map(([key, label]) => {
      const button = document.createElement("button");
      button.textContent = label;
      button.setAttribute("aria-pressed", String(key === chosen));
      button.onclick = () => {
        for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
        choose(key);
      };
      return button;
    });
    group.append(...buttons);
  }

  // ---- for those who do not see the picture

  function write_words() {
    const [start, end] = header.heap;
    const last = figures.moment.length - 1;
    let worst = 0;
    for (let i = 0; i <= last; ++i) if (fragmentation(i) > fragmentation(worst)) worst = i;
    const left = live_at(MOMENTS);
    const bytes_left = left.reduce((sum, i) => sum + lives.size[i], 0);
    const lines = [
      `The heap lies from ${hex(start)} to ${hex(end)}, ${bytes(Number(BigInt(end) - BigInt(start)))}.`,
      `${number(MOMENTS)} ${what}s; most is live ${moment_words(header.peak_moment)}: ${number(header.peak)} bytes.`,
      `Fragmentation is worst ${moment_words(figures.moment[worst])}: ${percent(fragmentation(worst))} of ` +
        `${bytes(figures.free[worst])} free is outside the largest free block of ${bytes(figures.largest[worst])}.`,
      `At the end ${number(left.length)} blocks of ${number(bytes_left)} bytes are live` +
        (header.complete ? "." : ", of those that the page shows."),
    ];
    if (failures.length) lines.push(`${number(failures.length)} requests were refused, the first ` +
      `${moment_words(failures[0])}; red marks at the top of the picture show them.`);
    if (header.stretches.some((stretch) => stretch[4])) {
      lines.push("Grey bands on the address axis are folded: no block ever lay there.");
    }
    by_id("words").innerHTML = lines.map((line) => `<p>${escaped(line)}</p>`).join("");
  }
})();
