"use strict";
// Reads dropped files, with the files in dropped folders, as { file, path } in the order of their names.
{
  const fileOf = (entry) => new Promise((done, failed) => entry.file(done, failed));
  const partOf = (reader) => new Promise((done, failed) => reader.readEntries(done, failed));
  const read = async (entry) => {
    if (entry.isFile) return [{ file: await fileOf(entry), path: entry.fullPath.replace(/^\//, "") }];
    const found = [], reader = entry.createReader();
    for (let part = await partOf(reader); part.length; part = await partOf(reader)) found.push(...part); // up to 100 at a time
    found.sort((one, other) => one.name.localeCompare(other.name));
    return (await Promise.all(found.map(read))).flat();
  };
  window.simsvcDropped = async (transfer) => {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean); // before anything is awaited
    if (!entries.length) return [...transfer.files].map((file) => ({ file, path: file.name }));
    return (await Promise.all(entries.map(read))).flat();
  };
}
