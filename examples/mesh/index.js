// So that the folder stands for the program: `dxgwire run --connect URL examples/mesh`.
import './mesh.mjs';
