// The package's entry point for Node is CommonJS in a package marked as a module and cannot be imported; its module build can.
declare module 'wgsl_reflect/wgsl_reflect.module.js' {
  export * from 'wgsl_reflect';
}
