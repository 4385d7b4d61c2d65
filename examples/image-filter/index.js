// So that the folder stands for the program: `dxgwire run --connect URL examples/image-filter`.
import './image-filter.mjs';
