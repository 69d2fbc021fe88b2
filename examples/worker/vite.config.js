// Workers are modules here: what they need only now and then, such as the names of 400 classes, is a file of its own.
export default { worker: { format: 'es' } };
