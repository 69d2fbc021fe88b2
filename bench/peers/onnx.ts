/** @file Writes a network as an ONNX model: as much of onnx.proto as convolutions, pools and concatenations take. */

import { ByteWriter } from '../../test/io/tensorflow_writer.ts';
import type { Layer, Network, NetworkTensor } from './network.ts';

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

function shapeTensor(name: string, values: readonly number[]): Uint8Array {
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

function nodes(layer: Layer): Uint8Array[] {
  switch (layer.op) {
    case 'conv': {
      const { name, x, y, weights, bias, kernel, stride, pads, groups, relu } = layer;
      const inputs = bias === null ? [x, weights] : [x, weights, bias];
      const convolved = relu ? `${y}_linear` : y;
      const conv = node('Conv', name, inputs, convolved, {
        kernel_shape: kernel,
        strides: stride,
        pads,
        group: groups,
      });
      return relu ? [conv, node('Relu', `${name}/relu`, [convolved], y, {})] : [conv];
    }
    case 'pool': {
      const { name, x, y, mode, kernel, stride, pads } = layer;
      const type = mode === 'max' ? 'MaxPool' : 'AveragePool';
      return [node(type, name, [x], y, { kernel_shape: kernel, strides: stride, pads })];
    }
    case 'concat':
      return [node('Concat', layer.name, layer.inputs, layer.y, { axis: 1 })];
    case 'reshape':
      return [node('Reshape', layer.name, [layer.x, `${layer.name}/shape`], layer.y, {})];
  }
}

/** The bytes of an `.onnx` file. */
export function encodeOnnx({ input, output, layers, weights }: Network): Uint8Array {
  const graph = message((writer) => {
    for (const layer of layers) for (const bytes of nodes(layer)) writer.bytesField(1, bytes);
    writer.bytesField(2, text('network'));
    for (const [name, value] of weights) writer.bytesField(5, tensor(name, value));
    for (const layer of layers) {
      if (layer.op === 'reshape') writer.bytesField(5, shapeTensor(`${layer.name}/shape`, layer.shape));
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
