// The few 4 x 4 matrices that the example needs: column-major arrays of 16 numbers, depth from 0 to 1.

export function multiply(a, b) {
  const result = new Array(16).fill(0);
  for (let column = 0; column < 4; column++) {
    for (let row = 0; row < 4; row++) {
      for (let k = 0; k < 4; k++) result[column * 4 + row] += a[k * 4 + row] * b[column * 4 + k];
    }
  }
  return result;
}

export function rotationY(angle) {
  const [s, c] = [Math.sin(angle), Math.cos(angle)];
  return [c, 0, -s, 0, 0, 1, 0, 0, s, 0, c, 0, 0, 0, 0, 1];
}

/** A view of what lies around `target`, looking from `eye`. */
export function lookAt(eye, target, up) {
  const back = normalize(subtract(eye, target));
  const right = normalize(cross(up, back));
  const top = cross(back, right);
  return [
    ...[right[0], top[0], back[0], 0],
    ...[right[1], top[1], back[1], 0],
    ...[right[2], top[2], back[2], 0],
    ...[-dot(right, eye), -dot(top, eye), -dot(back, eye), 1],
  ];
}

export function perspective(verticalAngle, aspect, near, far) {
  const f = 1 / Math.tan(verticalAngle / 2);
  const depth = far / (near - far);
  return [f / aspect, 0, 0, 0, 0, f, 0, 0, 0, 0, depth, -1, 0, 0, depth * near, 0];
}

export function orthographic(width, height, near, far) {
  const depth = 1 / (near - far);
  return [2 / width, 0, 0, 0, 0, 2 / height, 0, 0, 0, 0, depth, 0, 0, 0, near * depth, 1];
}

function subtract(a, b) {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

function dot(a, b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

function cross(a, b) {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function normalize(vector) {
  const length = Math.hypot(...vector);
  return vector.map((component) => component / length);
}
