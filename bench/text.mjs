// Seeded English-like text for benchmarks: 200,000 made-up words by Zipf's law, sentences, lines of some 80 columns.
import fs from "node:fs";
import { generator } from "./random.mjs";

const onsets = "b c d f g h k l m n p r s t v w br ch cl cr dr fl gr pl pr sh sl sp st str th tr".split(" ");
const vowels = "a e i o u ai ea ee io oa ou".split(" ");
const codas = ["", "", "", "n", "r", "s", "t", "l", "m", "d", "ng", "st", "ck"];

function vocabulary(size) {
  const random = generator(7);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const words = new Set(["the", "of", "and", "to", "in", "a", "is", "that", "for", "it"]);
  while (words.size < size) {
    const syllables = words.size < 400 ? 1 : words.size < 5000 ? 2 : 2 + Math.floor(random() * 3);
    let word = "";
    for (let i = 0; i < syllables; i++) word += pick(onsets) + pick(vowels) + pick(codas);
    if (word.length <= 18) words.add(word);
  }
  return [...words];
}

/** Writes `bytes` (about) of text to `file`, unless it is there already with that size or more. */
export function makeText(file, bytes, seed = 42) {
  if (fs.existsSync(file) && fs.statSync(file).size >= bytes) return;
  const words = vocabulary(200_000);
  const weights = new Float64Array(words.length);
  let total = 0;
  for (let i = 0; i < words.length; i++)
    weights[i] = total += i < 6000 ? 1 / (i + 2) : (6002 / (i + 2)) ** 1.6 / 6002;
  // A table of 2^20 draws stands for the distribution: drawing is then one look-up.
  const random = generator(seed);
  const table = new Int32Array(2 ** 20);
  for (let i = 0, w = 0; i < table.length; i++) {
    while (w < words.length - 1 && weights[w] < ((i + 0.5) / table.length) * total) w++;
    table[i] = w;
  }
  // The tail, which the table is too coarse for, is drawn evenly now and then.
  const draw = () =>
    random() < 0.01
      ? words[Math.floor(random() * words.length)]
      : words[table[Math.floor(random() * table.length)]];
  fs.mkdirSync(new URL(".", `file://${file}`).pathname, { recursive: true });
  const out = fs.openSync(`${file}.tmp`, "w");
  for (let written = 0; written < bytes;) {
    let text = "";
    let column = 0;
    while (text.length < 2 ** 20) {
      let word = draw();
      const roll = random();
      if (roll < 0.08) word = word[0].toUpperCase() + word.slice(1);
      else if (roll < 0.16) word += ",";
      else if (roll < 0.22) word += ".";
      const isEnd = column + word.length > 78;
      text += isEnd ? `${word}\n` : `${word} `;
      column = isEnd ? 0 : column + word.length + 1;
    }
    written += fs.writeSync(out, `${text}\n`);
  }
  fs.closeSync(out);
  fs.renameSync(`${file}.tmp`, file);
}
