/**
 * A transform of asc for the release: runs Binaryen's own passes for size before those of asc, which leave many a function
 * with one caller a function of its own.
 */
import { Transform } from "assemblyscript/transform";

export default class Shrink extends Transform {
  afterCompile(module) {
    this.binaryen.setOptimizeLevel(2);
    this.binaryen.setShrinkLevel(2);
    module.optimize();
  }
}
