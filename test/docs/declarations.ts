/** @file One exported declaration as lines of text. */

import ts from 'typescript';

export interface Surroundings {
  readonly checker: ts.TypeChecker;
  isExported(symbol: ts.Symbol): boolean;
  /** Gets every type that the text names. */
  onType(symbol: ts.Symbol): void;
}

/** @returns The declaration, and below it, indented and sorted, the members of a class or an interface that users may see. */
export function declarationLines(name: string, node: ts.Declaration, surroundings: Surroundings): string[] {
  return new Writer(surroundings).declaration(name, node);
}

type Property = ts.PropertyDeclaration | ts.PropertySignature | ts.ParameterDeclaration;
type Members = ts.ClassDeclaration | ts.InterfaceDeclaration;

const FORMAT =
  ts.TypeFormatFlags.NoTruncation |
  ts.TypeFormatFlags.UseAliasDefinedOutsideCurrentScope |
  ts.TypeFormatFlags.UseSingleQuotesForStringLiteralType;

class Writer {
  private readonly printer = ts.createPrinter({ removeComments: true });

  constructor(private readonly surroundings: Surroundings) {}

  declaration(name: string, node: ts.Declaration): string[] {
    if (ts.isFunctionDeclaration(node)) return [`function ${name}${this.signature(node)}`];
    if (ts.isVariableDeclaration(node)) {
      const { initializer } = node;
      if (initializer && ts.isArrowFunction(initializer)) return [`function ${name}${this.signature(initializer)}`];
      return [`const ${name}: ${this.typeOf(node)}`];
    }
    if (ts.isTypeAliasDeclaration(node)) {
      // What `typeof` says may change without a change of the text.
      if (hasTypeQuery(node.type) && !node.typeParameters) return this.expandedAlias(name, node.type);
      return [`type ${name}${this.typeParameters(node)} = ${this.written(node.type)}`];
    }
    if (ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node)) {
      const kind = ts.isClassDeclaration(node) ? 'class' : 'interface';
      const { text, inherited } = this.heritage(node);
      const members = [...node.members].flatMap((member) => this.member(member));
      const lines = [...inherited, ...members].sort().map((line) => `  ${line}`);
      return [`${kind} ${name}${this.typeParameters(node)}${text}`, ...lines];
    }
    throw new Error(`${name} is exported, and there is no way to write down what it is.`);
  }

  /** Bases by name where users can look them up, else by their members. */
  private heritage(node: Members): { readonly text: string; readonly inherited: readonly string[] } {
    const clauses = node.heritageClauses ?? [];
    const isKnown = (part: ts.Node): boolean => {
      const symbol = ts.isIdentifier(part) ? this.surroundings.checker.getSymbolAtLocation(part) : undefined;
      if (symbol && !this.surroundings.isExported(symbol) && !isOfLibrary(symbol)) return false;
      return ts.forEachChild(part, (child) => !isKnown(child) || undefined) === undefined;
    };
    if (clauses.every(isKnown))
      return { text: clauses.map((clause) => ` ${this.written(clause).trim()}`).join(''), inherited: [] };
    const own = new Set(node.members.map((member) => member.name?.getText()));
    const properties = this.surroundings.checker.getPropertiesOfType(this.surroundings.checker.getTypeAtLocation(node));
    const inherited = properties
      .filter(({ name }) => !own.has(name))
      .flatMap((property) => this.inheritedMember(property));
    return { text: '', inherited };
  }

  private inheritedMember(property: ts.Symbol): string[] {
    const [declaration] = property.declarations!;
    if (ts.isPropertySignature(declaration!) || ts.isMethodSignature(declaration!)) return this.member(declaration);
    return [this.expandedProperty(property)];
  }

  private member(node: ts.ClassElement | ts.TypeElement): string[] {
    if (ts.isConstructorDeclaration(node)) {
      const properties = node.parameters.filter(
        (parameter) => ts.isParameterPropertyDeclaration(parameter, node) && !isHidden(parameter),
      );
      const constructors = isHidden(node) ? [] : [`constructor${this.parameters(node)}`];
      return [...constructors, ...properties.map((property) => this.property(property))];
    }
    if (isHidden(node)) return [];
    if (ts.isMethodDeclaration(node) || ts.isMethodSignature(node)) {
      return [`${flags(node)}${node.name.getText()}${node.questionToken ? '?' : ''}${this.signature(node)}`];
    }
    if (ts.isPropertyDeclaration(node) || ts.isPropertySignature(node)) return [this.property(node)];
    if (ts.isGetAccessor(node)) return [`readonly ${node.name.getText()}: ${this.returned(node)}`];
    return [this.written(node)];
  }

  private property(node: Property): string {
    return `${flags(node)}${node.name.getText()}${node.questionToken ? '?' : ''}: ${this.typeOf(node)}`;
  }

  private signature(node: ts.SignatureDeclaration): string {
    return `${this.typeParameters(node)}${this.parameters(node)}: ${this.returned(node)}`;
  }

  private parameters({ parameters }: ts.SignatureDeclaration): string {
    const texts = parameters.map((parameter) => {
      // What a function calls the parts of an argument is its own affair.
      const name = ts.isIdentifier(parameter.name) ? parameter.name.text : '_';
      const optional = parameter.questionToken || parameter.initializer ? '?' : '';
      return `${parameter.dotDotDotToken ? '...' : ''}${name}${optional}: ${this.typeOf(parameter)}`;
    });
    return `(${texts.join(', ')})`;
  }

  private returned(node: ts.SignatureDeclaration): string {
    if (node.type) return this.written(node.type);
    return this.inferred(this.surroundings.checker.getSignatureFromDeclaration(node)!.getReturnType());
  }

  private typeParameters({
    typeParameters,
  }: {
    readonly typeParameters?: ts.NodeArray<ts.TypeParameterDeclaration> | undefined;
  }): string {
    return typeParameters ? `<${typeParameters.map((parameter) => this.written(parameter)).join(', ')}>` : '';
  }

  private typeOf(node: ts.VariableDeclaration | Property): string {
    return node.type ? this.written(node.type) : this.inferred(this.surroundings.checker.getTypeAtLocation(node));
  }

  /** As it stands in the source, on one line. */
  private written(node: ts.Node): string {
    const visit = (part: ts.Node): void => {
      if (ts.isTypeReferenceNode(part)) this.name(this.surroundings.checker.getSymbolAtLocation(part.typeName));
      ts.forEachChild(part, visit);
    };
    visit(node);
    return oneLine(this.printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile()));
  }

  private inferred(type: ts.Type): string {
    this.name(type.aliasSymbol ?? type.getSymbol());
    return oneLine(this.surroundings.checker.typeToString(type, undefined, FORMAT));
  }

  /** Without names of ours; unions sorted, since the compiler's order depends on what it has met before. */
  private expanded(type: ts.Type): string {
    const { checker } = this.surroundings;
    const symbol = type.aliasSymbol ?? type.getSymbol();
    if (symbol && this.surroundings.isExported(symbol)) return symbol.name;
    if (type.isUnion() && !(type.flags & ts.TypeFlags.Boolean)) {
      return [...new Set(type.types.map((part) => this.expanded(part)))].sort().join(' | ');
    }
    if (checker.isArrayType(type))
      return `Array<${this.expanded(checker.getTypeArguments(type as ts.TypeReference)[0]!)}>`;
    if (!(type.flags & ts.TypeFlags.Object) || checker.isTupleType(type) || type.getCallSignatures().length > 0) {
      return this.inferred(type);
    }
    const properties = checker.getPropertiesOfType(type).map((property) => this.expandedProperty(property));
    return `{ ${properties.sort().join('; ')} }`;
  }

  private expandedProperty(property: ts.Symbol): string {
    const optional = property.flags & ts.SymbolFlags.Optional ? '?' : '';
    return `${property.name}${optional}: ${this.expanded(this.surroundings.checker.getTypeOfSymbol(property))}`;
  }

  /** An object as an interface is written. */
  private expandedAlias(name: string, node: ts.TypeNode): string[] {
    const type = this.surroundings.checker.getTypeAtLocation(node);
    if (type.isUnion() || !(type.flags & ts.TypeFlags.Object)) return [`type ${name} = ${this.expanded(type)}`];
    const properties = this.surroundings.checker.getPropertiesOfType(type);
    return [`type ${name}`, ...properties.map((property) => `  ${this.expandedProperty(property)}`).sort()];
  }

  private name(symbol: ts.Symbol | undefined): void {
    if (symbol) this.surroundings.onType(symbol);
  }
}

const oneLine = (text: string): string =>
  text
    .replaceAll(/\s+/g, ' ')
    .replaceAll('; }', ' }')
    .replaceAll(/\[ (.*?) \]/g, '[$1]');

const isOfLibrary = ({ declarations }: ts.Symbol): boolean =>
  declarations?.some((declaration) => declaration.getSourceFile().isDeclarationFile) === true;

function hasTypeQuery(node: ts.Node): boolean {
  return ts.isTypeQueryNode(node) || ts.forEachChild(node, (child) => hasTypeQuery(child) || undefined) === true;
}

const modifiers = (node: ts.Node): readonly ts.SyntaxKind[] =>
  ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []).map(({ kind }) => kind) : [];

/** What is private, and what `stripInternal` leaves out of the package's types. */
function isHidden(node: ts.ClassElement | ts.TypeElement | ts.ParameterDeclaration): boolean {
  if (node.name && ts.isPrivateIdentifier(node.name)) return true;
  const own = modifiers(node);
  if (own.includes(ts.SyntaxKind.PrivateKeyword) || own.includes(ts.SyntaxKind.ProtectedKeyword)) return true;
  const source = node.getSourceFile().text;
  const comments = ts.getLeadingCommentRanges(source, node.pos) ?? [];
  return comments.some(({ pos, end }) => source.slice(pos, end).includes('@internal'));
}

/** `static`, `readonly`, and a space after each. */
const flags = (node: ts.Node): string =>
  modifiers(node)
    .flatMap((kind) => {
      if (kind === ts.SyntaxKind.StaticKeyword) return 'static ';
      return kind === ts.SyntaxKind.ReadonlyKeyword ? 'readonly ' : [];
    })
    .join('');
