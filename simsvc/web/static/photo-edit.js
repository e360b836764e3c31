"use strict";
// Turns and cuts a photo in the browser: the file that is sent is the edited one, named after what was done.
{
  const JPEG_QUALITY = 0.95;
  const pictureOf = (file) => createImageBitmap(file).catch(() => null); // no picture: a format the browser cannot show
  const canvasOf = (width, height) => Object.assign(document.createElement("canvas"), { width: Math.max(1, Math.round(width)), height: Math.max(1, Math.round(height)) });

  const turned = (picture, deg) => {
    const aside = deg % 180 !== 0;
    const canvas = aside ? canvasOf(picture.height, picture.width) : canvasOf(picture.width, picture.height);
    const pen = canvas.getContext("2d");
    pen.translate(canvas.width / 2, canvas.height / 2);
    pen.rotate(deg * Math.PI / 180);
    pen.drawImage(picture, -picture.width / 2, -picture.height / 2);
    return canvas;
  };
  const cut = (picture, [left, top, width, height]) => {
    const canvas = canvasOf(width * picture.width, height * picture.height);
    canvas.getContext("2d").drawImage(picture, -Math.round(left * picture.width), -Math.round(top * picture.height));
    return canvas;
  };
  const nameOf = (name, edits) => {
    const deg = edits.reduce((sum, edit) => sum + (edit.turn ?? 0), 0) % 360;
    const done = [...new Set([deg && `rotated ${deg}`, ...edits.map((edit) => edit.said)].filter(Boolean))];
    const stem = name.replace(/[.][^.]*$/, "");
    return done.length ? `${stem} (${done.join(", ")}).jpg` : `${stem}.jpg`;
  };
  // Applies edits { turn: degrees clockwise } and { cut: [left, top, width, height] in shares } in their order.
  const edited = async (file, edits) => {
    if (!edits.length) return file;
    let picture = await pictureOf(file);
    if (!picture) return file;
    for (const edit of edits) picture = edit.turn ? turned(picture, edit.turn) : cut(picture, edit.cut);
    const blob = await new Promise((done) => { picture.toBlob(done, "image/jpeg", JPEG_QUALITY); });
    return blob ? new File([blob], nameOf(file.name, edits), { type: "image/jpeg" }) : file;
  };
  window.simsvcEdit = { edited };
}
