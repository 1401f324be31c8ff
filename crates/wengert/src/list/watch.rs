//! The watch for numbers that are not finite, and the words for a node.

use super::*;

impl<T: Real> List<T> {
    pub(super) fn non_finite(
        &self,
        direction: &'static str,
        node: u32,
        op: &str,
        value: T,
        operands: &[u32],
        location: &Location<'_>,
    ) -> Error {
        let mut names: Vec<String> = Vec::new();
        for &id in operands.iter().filter(|&&id| id < node) {
            let operand = self.node(id);
            match operand.op() {
                // Stands for the first two of three.
                Op::pair => {
                    let both = [operand.operand(0), operand.operand(1)];
                    names.extend(
                        both.into_iter()
                            .filter(|&x| x != id)
                            .map(|x| self.describe(x)),
                    );
                }
                _ => names.push(self.describe(id)),
            }
        }
        let operands = names.join(", ");
        Error::NonFinite {
            direction,
            node,
            op: op.to_owned(),
            value: value.as_f64(),
            operands: if operands.is_empty() {
                "none".to_owned()
            } else {
                operands
            },
            location: location.to_string(),
        }
    }

    /// A backward contribution that is not finite, told with the line that recorded the node.
    #[cold]
    pub(crate) fn non_finite_backward(&self, id: u32, op: &str, value: T) -> Error {
        if self.node(id).op() == Op::pair {
            // Half of the operation with three operands that comes next.
            return self.non_finite_backward(id + 1, self.node(id + 1).op().name(), value);
        }
        let origin = self.origin(id);
        let node = self.node(id);
        let mut operands: Vec<u32> = self.state.borrow().operands_of(id, &node).collect();
        operands.retain(|&operand| operand != id);
        let mut error = self.non_finite("backward", id, op, value, &operands, Location::caller());
        if let Error::NonFinite { location, .. } = &mut error {
            *location = origin.map_or_else(
                || "an unknown line (recorded before the watch was on)".to_owned(),
                |origin| origin.to_string(),
            );
        }
        error
    }

    /// A tensor with an element that is not finite.
    #[cold]
    #[track_caller]
    pub(crate) fn non_finite_tensor(
        &self,
        node: u32,
        op: &str,
        value: T,
        operands: &[u32],
    ) -> Error {
        self.non_finite("forward", node, op, value, operands, Location::caller())
    }

    /// A node in a few words: its name or number, and its value.
    pub(crate) fn describe(&self, id: u32) -> String {
        let state = self.state.borrow();
        let name = state
            .names
            .get(&id)
            .map_or_else(|| format!("node {id}"), |name| format!("`{name}`"));
        let node = self.node(id);
        match state.aux_of(&node) {
            Some(aux) => format!("{name} of shape {:?}", aux.shape.as_slice()),
            // `Debug` writes 1e-200 where `Display` writes two hundred zeros.
            None => match format!("{:?}", node.value) {
                long if long.contains('e') => format!("{name} = {long}"),
                _ => format!("{name} = {}", node.value),
            },
        }
    }

    /// Turns the watch for numbers that are not finite on or off.
    pub(crate) fn set_watch(&self, on: bool) {
        self.state.borrow_mut().watch = on;
        self.limit.set(self.len.get());
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.state.borrow().watch
    }

    /// Lowers (or raises) the number of nodes at which the tape is full.
    pub(crate) fn set_max_nodes(&self, max_nodes: u32) {
        self.state.borrow_mut().max_nodes = max_nodes.min(MAX_NODES);
        self.limit.set(self.len.get());
    }

    pub(crate) fn origin(&self, id: u32) -> Option<&'static Location<'static>> {
        self.state.borrow().origins.get(&id).copied()
    }
}
