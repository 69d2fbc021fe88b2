/** @file Writes a network as an ONNX model: as much of onnx.proto as its layers take. */

import { ByteWriter } from '../../test/io/tensorflow_writer.ts';
import type { Layer, LayerFunction, Network, NetworkTensor } from './network.ts';

const IR_VERSION = 8;
const OPSET = 17;
const FLOAT = 1;
const INT64 = 7;
/** AttributeProto.AttributeType */
const ATTRIBUTE = { int: 2, ints: 7 } as const;

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const message = (fill: (writer: ByteWriter) => void): Uint8Array => {
  const writer = new ByteWriter();
  fill(writer);
  return writer.finish();
};

/** A varint that is written even where it is 0, as the members of a oneof and of lists must be. */
const integer = (writer: ByteWriter, field: number, value: number): ByteWriter =>
  writer.varint(field * 8).varint(value);

function tensor(name: string, { shape, data }: NetworkTensor): Uint8Array {
  return message((writer) => {
    for (const extent of shape) integer(writer, 1, extent);
    writer
      .varintField(2, FLOAT)
      .bytesField(8, text(name))
      .bytesField(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  });
}

function listTensor(name: string, values: readonly number[]): Uint8Array {
  const bytes = new BigInt64Array(values.map(BigInt));
  return message((writer) => {
    integer(writer, 1, values.length)
      .varintField(2, INT64)
      .bytesField(8, text(name))
      .bytesField(9, new Uint8Array(bytes.buffer));
  });
}

function valueInfo(name: string, shape: readonly number[]): Uint8Array {
  const dimensions = message((writer) => {
    for (const extent of shape)
      writer.bytesField(
        1,
        message((dimension) => integer(dimension, 1, extent)),
      );
  });
  const tensorType = message((writer) => writer.varintField(1, FLOAT).bytesField(2, dimensions));
  return message((writer) =>
    writer.bytesField(1, text(name)).bytesField(
      2,
      message((type) => type.bytesField(1, tensorType)),
    ),
  );
}

type Attributes = Readonly<Record<string, number | readonly number[]>>;

function node(
  type: string,
  name: string,
  inputs: readonly string[],
  output: string,
  attributes: Attributes,
): Uint8Array {
  return message((writer) => {
    for (const input of inputs) writer.bytesField(1, text(input));
    writer.bytesField(2, text(output)).bytesField(3, text(name)).bytesField(4, text(type));
    for (const [key, value] of Object.entries(attributes)) {
      const attribute = message((field) => {
        field.bytesField(1, text(key));
        if (typeof value === 'number') integer(field, 3, value).varintField(20, ATTRIBUTE.int);
        else {
          for (const item of value) integer(field, 8, item);
          field.varintField(20, ATTRIBUTE.ints);
        }
      });
      writer.bytesField(5, attribute);
    }
  });
}

/** A function of a layer's result, under the name `y`; `from` where it is none. */
function applied(fn: LayerFunction, name: string, from: string, y: string): Uint8Array[] {
  switch (fn) {
    case 'none':
      return [node('Identity', name, [from], y, {})];
    case 'relu':
      return [node('Relu', name, [from], y, {})];
    case 'sigmoid':
      return [node('Sigmoid', name, [from], y, {})];
    case 'swish':
      return [
        node('Sigmoid', `${name}/sigmoid`, [from], `${y}_sigmoid`, {}),
        node('Mul', name, [from, `${y}_sigmoid`], y, {}),
      ];
  }
}

/** A layer, and the function that follows it. */
function followed(fn: LayerFunction, name: string, y: string, layer: (y: string) => Uint8Array): Uint8Array[] {
  return fn === 'none' ? [layer(y)] : [layer(`${y}_before`), ...applied(fn, `${name}/${fn}`, `${y}_before`, y)];
}

function nodes(layer: Layer): Uint8Array[] {
  const { name, y } = layer;
  const list = (key: string): string => listName(layer, key);
  switch (layer.op) {
    case 'conv': {
      const { x, weights, bias, kernel, stride, pads, groups, activation } = layer;
      const inputs = bias === null ? [x, weights] : [x, weights, bias];
      const attributes = { kernel_shape: kernel, strides: stride, pads, group: groups };
      return followed(activation, name, y, (to) => node('Conv', name, inputs, to, attributes));
    }
    case 'pool': {
      const { x, mode, kernel, stride, pads } = layer;
      const type = mode === 'max' ? 'MaxPool' : 'AveragePool';
      return [node(type, name, [x], y, { kernel_shape: kernel, strides: stride, pads })];
    }
    case 'linear': {
      const { x, weights, bias } = layer;
      return [node('Gemm', name, bias === null ? [x, weights] : [x, weights, bias], y, { transB: 1 })];
    }
    case 'concat':
      return [node('Concat', name, layer.inputs, y, { axis: 1 })];
    case 'reshape':
      return [node('Reshape', name, [layer.x, list('shape')], y, {})];
    case 'transpose':
      return [node('Transpose', name, [layer.x], y, { perm: layer.order })];
    case 'function':
      return applied(layer.fn, name, layer.x, y);
    case 'add':
    case 'mul':
      return followed(layer.activation, name, y, (to) =>
        node(layer.op === 'add' ? 'Add' : 'Mul', name, layer.inputs, to, {}),
      );
    case 'mean':
      return [node('ReduceMean', name, [layer.x], y, { axes: layer.axes })];
    case 'slice':
      return [node('Slice', name, [layer.x, list('start'), list('end'), list('axis')], y, {})];
    case 'shift': {
      const inner = `${y}_inner`;
      return [
        node('Slice', `${name}/slice`, [layer.x, list('start'), list('end'), list('axis')], inner, {}),
        node('Pad', name, [inner, list('pads')], y, {}),
      ];
    }
    case 'attention': {
      const [q, k, v] = layer.inputs;
      return [
        node('Transpose', `${name}/keys`, [k], `${y}_keys`, { perm: [0, 2, 1] }),
        node('MatMul', `${name}/products`, [q, `${y}_keys`], `${y}_products`, {}),
        node('Mul', `${name}/scores`, [`${y}_products`, `${name}/scale`], `${y}_scores`, {}),
        node('Softmax', `${name}/softmax`, [`${y}_scores`], `${y}_weights`, { axis: 2 }),
        node('MatMul', name, [`${y}_weights`, v], y, {}),
      ];
    }
  }
}

const listName = ({ name }: Layer, key: string): string => `${name}/${key}`;

/** Lists of whole numbers that a layer's nodes take as inputs. */
function lists(layer: Layer): Readonly<Record<string, readonly number[]>> {
  if (layer.op === 'reshape') return { shape: layer.shape };
  if (layer.op !== 'slice' && layer.op !== 'shift') return {};
  const { axis, offset, size } = layer;
  const cut = { start: [offset], end: [offset + size], axis: [axis] };
  if (layer.op === 'slice') return cut;
  const ends = [layer.before, layer.after].map((count) =>
    Array.from({ length: layer.rank }, (_, i) => (i === axis ? count : 0)),
  );
  return { ...cut, pads: ends.flat() };
}

/** The bytes of an `.onnx` file. */
export function encodeOnnx({ input, output, layers, weights }: Network): Uint8Array {
  const graph = message((writer) => {
    for (const layer of layers) for (const bytes of nodes(layer)) writer.bytesField(1, bytes);
    writer.bytesField(2, text('network'));
    for (const [name, value] of weights) writer.bytesField(5, tensor(name, value));
    for (const layer of layers) {
      for (const [key, values] of Object.entries(lists(layer))) {
        writer.bytesField(5, listTensor(listName(layer, key), values));
      }
      if (layer.op === 'attention') {
        const scale = { shape: [1], data: Float32Array.of(layer.scale) };
        writer.bytesField(5, tensor(`${layer.name}/scale`, scale));
      }
    }
    writer.bytesField(11, valueInfo(input.name, input.shape)).bytesField(12, valueInfo(output.name, output.shape));
  });
  return message((writer) => {
    writer
      .varintField(1, IR_VERSION)
      .bytesField(7, graph)
      .bytesField(
        8,
        message((opset) => opset.varintField(2, OPSET)),
      );
  });
}
