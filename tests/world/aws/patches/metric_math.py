"""The little of CloudWatch's metric math that an alarm of ours uses: numbers, ids, + - * /, comparisons, and IF.

Pure; anything else is refused in a sentence, and never passed over. A value is missing (None) where one that it needs is,
and where it would be divided by zero.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import ast
import operator

OPERATORS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}


class Refused(ValueError):
    """The expression is none that is known here."""


def parse(text):
    """The expression as a tree, for `ids` and `value`."""
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise Refused(f"the expression is not understood: {text}") from error
    ids(tree)
    return tree


def ids(node):
    """The ids that the expression refers to; refuses what is not known here."""
    match node:
        case ast.Constant(value=int() | float()):
            return set()
        case ast.Name(id=name):
            return {name}
        case ast.BinOp(left=left, op=op, right=right) | ast.Compare(left=left, ops=[op], comparators=[right]):
            if type(op) in OPERATORS:
                return ids(left) | ids(right)
        case ast.Call(func=ast.Name(id="IF"), args=[_, _, _] as arguments, keywords=[]):
            return set().union(*map(ids, arguments))
    raise Refused(f"this part of an expression is not known here: {ast.unparse(node)}")


def value(node, of):
    """The expression's value where each id has the value that `of` maps it to, or None."""
    match node:
        case ast.Constant(value=number):
            return float(number)
        case ast.Name(id=name):
            return of[name]
        case ast.Call(args=[condition, then, otherwise]):
            holds = value(condition, of)
            return None if holds is None else value(then if holds else otherwise, of)
        case ast.BinOp(left=left, op=op, right=right) | ast.Compare(left=left, ops=[op], comparators=[right]):
            sides = (value(left, of), value(right, of))
            if None in sides or (isinstance(op, ast.Div) and sides[1] == 0):
                return None
            return float(OPERATORS[type(op)](*sides))
