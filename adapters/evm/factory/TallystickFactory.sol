// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";

/// @title Deploys contracts at addresses that only their sender can reach.
/// @notice Invariants:
///  - An address follows from three things: who asks, under which salt, for which init code. A stranger who copies a
///    call lands elsewhere, so nobody can occupy or counterfeit the address that a plan has promised.
///  - One address is deployed at most once; the second attempt reverts and changes nothing.
///  - No owner, no state, no ether, and no rights over what it deploys: the factory is the msg.sender of every
///    constructor it runs, and constructors of ours give their msg.sender nothing.
contract TallystickFactory {
    /// @param sender Who asked, as mixed into the address.
    /// @param salt As given by the sender, before mixing.
    event Deployed(address indexed token, address indexed sender, bytes32 indexed salt);

    /// @notice This sender, salt and init code were deployed before; here is the result.
    error AlreadyDeployed(address token);

    /// @notice The init code ran to its end and left no code behind.
    error NothingDeployed();

    /// @notice Deploy `initCode` at `addressOf(msg.sender, salt, keccak256(initCode))`.
    /// @dev A constructor's revert reason is passed on unchanged; Errors.FailedDeployment() stands for a constructor that
    /// gave none (it may have run out of gas), Create2EmptyBytecode() for an empty init code.
    function deploy(bytes32 salt, bytes memory initCode) external returns (address token) {
        bytes32 effectiveSalt = _effectiveSalt(msg.sender, salt);
        token = Create2.computeAddress(effectiveSalt, keccak256(initCode));
        if (token.code.length != 0) revert AlreadyDeployed(token);
        Create2.deploy(0, effectiveSalt, initCode);
        if (token.code.length == 0) revert NothingDeployed();
        emit Deployed(token, msg.sender, salt);
    }

    /// @notice Where `deploy` would put, or has put, this init code for this sender and salt.
    function addressOf(address sender, bytes32 salt, bytes32 initCodeHash) external view returns (address) {
        return Create2.computeAddress(_effectiveSalt(sender, salt), initCodeHash);
    }

    function _effectiveSalt(address sender, bytes32 salt) private pure returns (bytes32) {
        return keccak256(abi.encode(sender, salt));
    }
}
