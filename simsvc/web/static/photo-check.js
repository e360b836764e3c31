"use strict";
// Checks chosen photos before they are sent: faces, light, sharpness, angle, size; and lets them be turned and cut.
{
  const LEAST_CUT = 0.05;
  const EDGES = ["left", "right", "top", "bottom"];

  const ask = async (form, file, signal) => {
    const body = new FormData();
    body.append("csrf_token", form.querySelector("input[name=csrf_token]").value);
    body.append("photo", file);
    const answer = await fetch(form.dataset.crop, { method: "POST", body, signal });
    const isJson = answer.ok && answer.headers.get("Content-Type")?.startsWith("application/json");
    return isJson ? answer.json() : null; // submitting the form shows the error
  };
  const place = (element, [left, top, width, height]) => {
    Object.assign(element.style, { left: `${100 * left}%`, top: `${100 * top}%`, width: `${100 * width}%`, height: `${100 * height}%` });
  };

  // Shows one photo in a card; `changed` is called when another file is to be sent.
  const cardOf = (form, item, changed) => {
    const card = form.querySelector(".check-template").content.firstElementChild.cloneNode(true);
    const part = (name) => card.querySelector(name);
    const stage = part(".check-stage"), picture = part(".check-photo"), boxes = part(".check-boxes"), frame = part(".crop-frame");
    const tools = part(".check-tools"), cropTool = part(".crop-tool"), choice = part(".face-choice");
    const sliders = Object.fromEntries(EDGES.map((edge) => [edge, part(`[data-edge=${edge}]`)]));
    let asking = null, address = null, checked = null;

    const words = (template, figures) => Object.entries(figures).reduce((text, [name, value]) => text.replace(`{${name}}`, value), template);
    const showPicture = () => {
      if (address) URL.revokeObjectURL(address);
      address = URL.createObjectURL(item.file);
      picture.src = address;
      part(".crop-name").textContent = item.file.name;
      part("[data-tool=undo]").hidden = !item.edits.length;
    };
    const edit = async (one) => {
      item.edits = one ? [...item.edits, one] : [];
      item.file = await window.simsvcEdit.edited(item.original, item.edits);
      closeCrop();
      showPicture();
      changed();
      await check();
    };
    const choose = (number) => edit({ cut: checked.faces[number].cut, said: `face ${number + 1} of ${checked.faces.length}` });

    const showFaces = () => {
      const faces = checked?.faces ?? [], several = faces.length > 1;
      boxes.replaceChildren();
      part(".face-options").replaceChildren();
      choice.hidden = !several;
      choice.dataset.needed = String(Boolean(checked?.choose));
      for (const [number, face] of faces.entries()) {
        const name = words(choice.dataset.face, { number: number + 1 });
        const box = document.createElement(several ? "button" : "span");
        box.className = face.used ? "face-box used" : "face-box";
        place(box, face.square);
        if (several) {
          Object.assign(box, { type: "button", textContent: number + 1 });
          box.setAttribute("aria-label", name);
          box.addEventListener("click", () => choose(number));
          const label = document.createElement("label"), radio = document.createElement("input");
          Object.assign(radio, { type: "radio", className: "form-check-input", checked: face.used });
          radio.name = `face-${address}`;
          radio.setAttribute("form", ""); // not sent
          radio.addEventListener("click", () => choose(number)); // also the one that is used already
          label.append(radio, " ", name);
          part(".face-options").append(label);
        }
        boxes.append(box);
      }
    };
    const line = (aspect) => {
      const row = document.createElement("li"), name = document.createElement("strong");
      row.className = `aspect ${aspect.state}`;
      name.textContent = `${aspect.name}: `;
      row.append(name, aspect.words);
      return row;
    };
    const showChecked = () => {
      const crop = part(".crop-face");
      part(".check-sentence").textContent = (choice.classList.contains("unshown") ? checked?.refusal : checked?.sentence) ?? "";
      part(".check-aspects").replaceChildren(...(checked?.aspects ?? []).map(line));
      part(".check-notes").textContent = (checked?.notes ?? []).join(" ");
      crop.hidden = !checked?.crop;
      if (checked?.crop) crop.querySelector("img").src = checked.crop;
      card.dataset.state = !checked ? "" : checked.usable ? "usable" : "refused";
      showFaces();
    };
    const check = async () => {
      asking?.abort();
      const mine = asking = new AbortController();
      card.dataset.state = "checking";
      checked = await ask(form, item.file, mine.signal).catch(() => null);
      if (!mine.signal.aborted) showChecked();
    };

    // The cut by hand: drag over the picture, or move four edges.
    const edges = () => Object.fromEntries(EDGES.map((edge) => [edge, Number(sliders[edge].value) / 100]));
    const rectangle = () => {
      const { left, right, top, bottom } = edges();
      return [Math.min(left, right), Math.min(top, bottom), Math.abs(right - left), Math.abs(bottom - top)];
    };
    const showCut = () => {
      const cut = rectangle();
      place(frame, cut);
      part("[data-tool=apply]").disabled = cut[2] < LEAST_CUT || cut[3] < LEAST_CUT;
    };
    const setCut = (left, top, right, bottom) => {
      Object.assign(sliders.left, { value: 100 * left }); Object.assign(sliders.right, { value: 100 * right });
      Object.assign(sliders.top, { value: 100 * top }); Object.assign(sliders.bottom, { value: 100 * bottom });
      showCut();
    };
    const closeCrop = () => { cropTool.hidden = frame.hidden = true; stage.classList.remove("cropping"); };
    const openCrop = () => {
      cropTool.hidden = frame.hidden = false;
      stage.classList.add("cropping");
      setCut(0.1, 0.1, 0.9, 0.9);
      sliders.left.focus();
    };
    const at = (event) => {
      const { left, top, width, height } = stage.getBoundingClientRect(), within = (share) => Math.min(1, Math.max(0, share));
      return [within((event.clientX - left) / width), within((event.clientY - top) / height)];
    };
    let start = null;
    stage.addEventListener("pointerdown", (event) => {
      if (cropTool.hidden) return;
      event.preventDefault();
      start = at(event);
      stage.setPointerCapture(event.pointerId);
    });
    stage.addEventListener("pointermove", (event) => {
      if (!start) return;
      const [x, y] = at(event);
      setCut(Math.min(start[0], x), Math.min(start[1], y), Math.max(start[0], x), Math.max(start[1], y));
    });
    for (const kind of ["pointerup", "pointercancel"]) stage.addEventListener(kind, () => { start = null; });
    for (const edge of EDGES) sliders[edge].addEventListener("input", showCut);

    const actions = {
      left: () => edit({ turn: 270 }),
      right: () => edit({ turn: 90 }),
      crop: () => (cropTool.hidden ? openCrop() : closeCrop()),
      apply: () => edit({ cut: rectangle(), said: "cropped" }),
      cancel: () => { closeCrop(); part("[data-tool=crop]").focus(); },
      undo: () => { edit(null); part("[data-tool=crop]").focus(); },
    };
    for (const button of card.querySelectorAll("[data-tool]")) button.addEventListener("click", () => actions[button.dataset.tool]());
    picture.addEventListener("load", () => { stage.hidden = tools.hidden = false; choice.classList.remove("unshown"); });
    picture.addEventListener("error", () => { stage.hidden = tools.hidden = true; choice.classList.add("unshown"); showChecked(); }); // HEIC in most browsers
    showPicture();
    return { card, check, leave: () => { asking?.abort(); if (address) URL.revokeObjectURL(address); } };
  };

  // Shows files in the list of a form, and checks one after another.
  window.simsvcCheck = (form, changed) => {
    const list = form.querySelector(".crops"), area = form.querySelector(".as-judged");
    let cards = [], turn = 0;
    const stop = () => { turn += 1; for (const card of cards) card.leave(); };
    const show = async (files) => {
      stop();
      const mine = turn, items = files.map((file) => ({ original: file, file, edits: [] }));
      cards = items.map((item) => cardOf(form, item, () => changed(items.map((one) => one.file))));
      list.replaceChildren(...cards.map(({ card }) => card));
      area.hidden = !cards.length;
      if (navigator.connection?.saveData) return;
      for (const card of cards) { if (mine === turn) await card.check(); }
    };
    return { show, stop };
  };
}
