import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ancestors, holds, openDepth, treeOf, visibleRows } from "../../js/tree.js";

const part = fc.oneof(fc.constantFrom("", "0", "1", "a", "conv", "__proto__", "constructor"), fc.string());
const leaves = fc.array(
  fc.record({
    name: fc.array(part, { maxLength: 5 }).map((parts) => parts.join(".")),
    parameters: fc.nat(99),
  }),
  { maxLength: 40 },
);
const leaf = (name: string) => ({ name, parameters: 1 });

describe("the tree of layers", () => {
  it("has every layer once, under the modules of its name", () => {
    fc.assert(
      fc.property(leaves, (layers) => {
        const rows = treeOf(layers);
        expect(
          rows
            .map(({ layer }) => layer)
            .filter((at) => at >= 0)
            .sort((a, b) => a - b),
        ).toEqual(layers.map((_, index) => index));
        rows.forEach((row, index) => {
          const above = ancestors(rows, index);
          expect([...above.map((at) => rows[at].label), row.label].join(".")).toBe(row.key);
          if (row.layer >= 0) expect(row.key).toBe(layers[row.layer].name);
          else expect(rows.filter(({ parent }) => parent === index).length).toBeGreaterThan(1);
          const within = rows.slice(index, row.end).filter(({ layer }) => layer >= 0);
          expect(row.layers).toBe(within.length);
          expect(row.parameters).toBe(within.reduce((sum, { layer }) => sum + layers[layer].parameters, 0));
          const beside = rows.filter(({ parent }) => parent === row.parent);
          expect(beside.length).toBe(row.siblings);
          expect(beside[row.position - 1]).toBe(row);
          expect(row.depth).toBe(above.length);
        });
      }),
    );
  });

  it("shows all in preorder where all is open, and the first layers of siblings rise", () => {
    fc.assert(
      fc.property(leaves, (layers) => {
        const rows = treeOf(layers);
        expect(visibleRows(rows, () => true)).toEqual(rows.map((_, index) => index));
        const first = (index: number) =>
          Math.min(...rows.slice(index, rows[index].end).flatMap(({ layer }) => (layer < 0 ? [] : [layer])));
        for (const parent of [-1, ...rows.keys()]) {
          const firsts = [...rows.keys()].filter((index) => rows[index].parent === parent).map(first);
          // a name that is there twice stands where its second one ran
          expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
        }
      }),
    );
  });

  it("shows a row where all that hold it are open, and no other", () => {
    fc.assert(
      fc.property(leaves, fc.infiniteStream(fc.boolean()), (layers, coins) => {
        const rows = treeOf(layers);
        const open = rows.map(() => coins.next().value as boolean);
        const naive = rows.flatMap((_, index) =>
          ancestors(rows, index).every((at) => open[at]) ? [index] : [],
        );
        expect(visibleRows(rows, (index) => open[index])).toEqual(naive);
      }),
    );
  });

  it("joins modules that hold one thing", () => {
    const labels = (names: string[]) =>
      treeOf(names.map(leaf)).map(({ depth, label }) => `${depth} ${label}`);
    expect(labels(["stem.conv", "layer1.0.conv1", "layer1.0.conv2", "head"])).toEqual([
      "0 stem.conv",
      "0 layer1.0",
      "1 conv1",
      "1 conv2",
      "0 head",
    ]);
    expect(labels(["a", "a.b", "a"])).toEqual(["0 a", "1 b", "0 a"]);
  });

  it("takes very deep names and very many layers, in linear time", () => {
    const deep = treeOf([
      leaf(Array(1200).fill("m").join(".")),
      leaf(`${Array(1199).fill("m").join(".")}.n`),
    ]);
    expect(deep.map(({ depth }) => depth)).toEqual([0, 1, 1]);
    const every = Array.from({ length: 1200 }, (_, i) => leaf(`${"m.".repeat(i)}conv`));
    expect(Math.max(...treeOf(every).map(({ depth }) => depth))).toBe(1199 - 1);
    const time = (count: number) => {
      const many = Array.from({ length: count }, (_, i) => leaf(`stage${i % 7}.${i >> 3}.conv${i % 8}`));
      const start = performance.now();
      expect(treeOf(many).filter(({ layer }) => layer >= 0)).toHaveLength(count);
      return performance.now() - start;
    };
    time(20_000);
    expect(time(20_000)).toBeLessThan(1000);
  });

  it("opens all of a small model, and whole levels of a large one", () => {
    const net = (blocks: number) =>
      treeOf(
        Array.from({ length: blocks * 3 }, (_, i) =>
          leaf(`layer${(i / 3) & 3}.${Math.floor(i / 12)}.conv${i % 3}`),
        ),
      );
    expect(openDepth(net(20))).toBe(3);
    const large = net(48);
    const depth = openDepth(large);
    expect(depth).toBe(1);
    expect(visibleRows(large, (index) => large[index].depth < depth).length).toBeLessThanOrEqual(60);
    expect(large.some((_, index) => holds(large, index))).toBe(true);
  });
});
