import { quote } from '../../engine/errors.ts';
import type { AttributeValue, FileNode } from '../model-file.ts';
import { readAttribute } from './attribute.ts';
import { operatorDomain, type ReadContext } from './context.ts';
import type { ProtobufReader } from './protobuf.ts';

/** Reads a NodeProto. */
export function readNode(reader: ProtobufReader, context: ReadContext): FileNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributeMessages: ProtobufReader[] = [];
  let statedName = '';
  let operator = '';
  let domain = '';

  while (reader.next()) {
    switch (reader.field) {
      case 1:
        inputs.push(reader.string());
        break;
      case 2:
        outputs.push(reader.string());
        break;
      case 3:
        statedName = reader.string();
        break;
      case 4:
        operator = reader.string();
        break;
      case 5:
        attributeMessages.push(reader.message());
        break;
      case 7:
        domain = operatorDomain(reader.string());
        break;
      default:
        reader.skip();
    }
  }
  const name = statedName || `${operator}:${outputs.find((output) => output !== '') ?? ''}`;
  if (operator === '') reader.fail(`node ${quote(name)} has no operator`);

  const attributes = new Map<string, AttributeValue>();
  for (const message of attributeMessages) {
    const { name: attribute, value } = readAttribute(message, { name, operator }, context);
    if (attributes.has(attribute)) reader.fail(`node ${quote(name)} states attribute ${quote(attribute)} twice`);
    attributes.set(attribute, value);
  }
  return { name, operator, domain, inputs, outputs, attributes };
}
